//! Any bytes as a FUSE request: a request within those bytes or none, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use uvfio_doors::sandbox::testing::{Operation, Request};

/// `struct fuse_in_header`.
const HEADER: usize = 40;

fuzz_target!(|bytes: &[u8]| {
    let Some(request) = Request::parse(bytes) else {
        assert!(bytes.len() < HEADER, "a header is a request, if only one that is not known");
        return;
    };
    match request.operation {
        Operation::Lookup { name } => assert!(!name.contains('\0'), "a name ends at its NUL"),
        Operation::Write { bytes: written, .. } => assert!(written.len() <= bytes.len() - HEADER),
        Operation::Forget(forgets) => {
            let mut nodes = 0;
            forgets.for_each(|_, _| nodes += 1);
            assert!(nodes <= bytes.len() / 8, "each node is among the bytes");
        }
        _ => {}
    }
});
