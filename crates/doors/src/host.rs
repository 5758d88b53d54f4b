//! What the host allows, as far as it says so without anything being tried: the facts behind `uvfio doctor`.
//!
//! Every file read here is one of the kernel's own switches (Documentation/admin-guide/sysctl/). A switch that is not there is a fact,
//! too: `None`. Whether a sandbox really works is only known by making one.

use std::fs::{self, OpenOptions};
use std::io;

/// What the host says of itself.
#[derive(Debug)]
pub struct HostFacts {
    /// `uname -r`.
    pub release: String,
    /// The effective user.
    pub user: u32,
    /// User namespaces each user may make (`user.max_user_namespaces`).
    pub max_user_namespaces: Option<u64>,
    /// Whether ordinary users may make them (`kernel.unprivileged_userns_clone`, a patch of Debian's).
    pub unprivileged_userns_clone: Option<u64>,
    /// Whether AppArmor keeps ordinary programs from using them (`kernel.apparmor_restrict_unprivileged_userns`, Ubuntu).
    pub apparmor_restrict_userns: Option<u64>,
    /// Opening `/dev/fuse`.
    pub fuse: Result<(), io::Error>,
    /// What a seccomp filter may answer (`kernel.seccomp.actions_avail`).
    pub seccomp_actions: Option<String>,
    /// Who may trace whom (`kernel.yama.ptrace_scope`).
    pub ptrace_scope: Option<u64>,
}

impl HostFacts {
    /// Ask.
    #[must_use]
    pub fn probe() -> Self {
        Self {
            release: text("/proc/sys/kernel/osrelease").unwrap_or_default(),
            user: rustix::process::geteuid().as_raw(),
            max_user_namespaces: number("/proc/sys/user/max_user_namespaces"),
            unprivileged_userns_clone: number("/proc/sys/kernel/unprivileged_userns_clone"),
            apparmor_restrict_userns: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
            fuse: OpenOptions::new().read(true).write(true).open("/dev/fuse").map(drop),
            seccomp_actions: text("/proc/sys/kernel/seccomp/actions_avail"),
            ptrace_scope: number("/proc/sys/kernel/yama/ptrace_scope"),
        }
    }

    /// The release's first two numbers.
    #[must_use]
    pub fn version(&self) -> Option<(u32, u32)> {
        let mut numbers = self.release.split(|c: char| !c.is_ascii_digit());
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    }
}

fn text(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

fn number(path: &str) -> Option<u64> {
    text(path)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_begins_with_its_version() {
        let of = |release: &str| HostFacts { release: release.to_owned(), ..HostFacts::probe() }.version();
        assert_eq!(of("6.12.95+deb13-amd64"), Some((6, 12)));
        assert_eq!(of("7.0-rc1"), Some((7, 0)));
        assert_eq!(of(""), None);
    }
}
