//! As an ordinary user. When the tests run as root, they become somebody else for it; otherwise every test is this one.

use std::os::unix::fs::PermissionsExt;

use crate::bench::boards::{self, Folder};
use crate::bench::clients::{Linking, dma330_copy};
use crate::bench::command::{Run, uvfio};
use crate::bench::host;

/// Nobody.
const NOBODY: u32 = 65534;

#[test]
fn nobody_copies_as_well() {
    const TEST: &str = "nobody_copies_as_well";
    if !host::has_sandbox(TEST) || !host::is_root(TEST) {
        return;
    }
    // Where the build lies, nobody may not be able to look.
    let folder = Folder::new();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("our own folder");
    let here = |from: &std::path::Path| {
        let to = folder.path().join(from.file_name().expect("a file"));
        std::fs::copy(from, &to).expect("a copy");
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o755)).expect("our own file");
        to
    };
    let (uvfio, client, board) = (here(uvfio()), here(dma330_copy(Linking::Static)), here(&boards::demo()));

    let doctor = Run::of(&uvfio, ["doctor"]).user(NOBODY).folder("/").finish();
    if doctor.code() != 0 {
        host::skip(TEST, &doctor.stdout);
        return;
    }
    for access in ["mapped", "pread"] {
        let run =
            Run::of(&uvfio, ["run", "--param", "vfio_iommu_type1.allow_unsafe_interrupts=1", "--board"]);
        let run = run.args([&board]).args(["--bind", "7ff00000.dma", "--"]).args([&client]);
        let finished =
            run.args(["7ff00000.dma", "--access", access]).user(NOBODY).folder("/").finish().expect(0);
        assert_eq!(
            finished.stdout,
            "7ff00000.dma: copied 1048576 bytes, 8 interrupts, every byte compared\n"
        );
    }
}
