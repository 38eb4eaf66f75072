//! The portal on actix-web over HTTP: every case of the suite.

portal_suite::every_case!(portal_actix::App);
