//! Every test of the core from outside as one program: fifteen would each link the core and its test kit again.

mod common;

mod allocation;
mod backup_codes;
mod builder;
mod faults;
mod hashing;
mod memory_store;
mod otp_interop;
mod otp_properties;
mod otp_vectors;
mod promises;
mod races;
mod recent;
mod record_size;
mod records;
mod secrets;
mod slow_hashes;
mod threats_delivered;
mod threats_limits;
mod threats_sessions;
mod views;

#[test]
fn no_file_of_tests_is_left_out() {
    let (listed, folder) = (include_str!("all.rs"), concat!(env!("CARGO_MANIFEST_DIR"), "/tests"));
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names: Vec<_> = files.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names.iter().filter_map(|name| name.strip_suffix(".rs")).filter(|name| *name != "all") {
        assert!(listed.contains(&format!("\nmod {name};\n")), "all.rs doesn't list {name}");
    }
}
