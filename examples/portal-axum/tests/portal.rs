//! The portal on axum over HTTP: every case of the suite.

portal_suite::every_case!(portal_axum::App);
