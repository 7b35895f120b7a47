//! What this machine, or the container on it, has.

use std::num::NonZeroUsize;
use std::path::Path;

/// Cores and memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// Cores that this process may use.
    pub cores: NonZeroUsize,
    /// Bytes that sandboxes may take: 80 % of what there is.
    pub memory: u64,
}

/// The share of memory for sandboxes: the rest is for downloads, unpacked files in shared
/// memory, compiled components and the process itself.
const SHARE: (u64, u64) = (4, 5);

/// Where nothing can be read: a small machine.
const UNKNOWN: u64 = 2 << 30;

impl Machine {
    /// Looks.
    pub fn look() -> Self {
        Self {
            // Heeds the container's CPU quota.
            cores: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            memory: memory_below(Path::new("/")),
        }
    }
}

fn memory_below(root: &Path) -> u64 {
    let total = [container(root), machine(root)].into_iter().flatten().min();
    total.unwrap_or(UNKNOWN) / SHARE.1 * SHARE.0
}

/// The least limit from this process's control group up to the topmost, for each holds.
fn container(root: &Path) -> Option<u64> {
    let groups = std::fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let mut least = None;
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let (top, name) = if controllers.is_empty() {
            ("sys/fs/cgroup", "memory.max")
        } else if controllers.split(',').any(|one| one == "memory") {
            ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
        } else {
            continue;
        };
        for folder in Path::new(path.trim_start_matches('/')).ancestors() {
            let text = std::fs::read_to_string(root.join(top).join(folder).join(name));
            // `max`, or a number of the order of 2^63, mean no limit.
            let limit = text.ok().and_then(|text| text.trim().parse::<u64>().ok());
            least = [least, limit].into_iter().flatten().min();
        }
    }
    least
}

fn machine(root: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn look_at(files: &[(&str, &str)]) -> u64 {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        memory_below(root.path())
    }

    const EIGHT: (&str, &str) = (
        "proc/meminfo",
        "MemTotal:        8388608 kB\nMemFree: 1 kB\n",
    );

    #[test]
    fn a_machine_gives_four_fifths() {
        assert_eq!(look_at(&[EIGHT]), 8 * GIB / 5 * 4);
    }

    #[test]
    fn the_least_limit_of_all_groups_holds() {
        let files = [
            EIGHT,
            ("proc/self/cgroup", "0::/pods/mine\n"),
            ("sys/fs/cgroup/memory.max", "max\n"),
            ("sys/fs/cgroup/pods/memory.max", "5000\n"),
            ("sys/fs/cgroup/pods/mine/memory.max", "10000\n"),
        ];
        assert_eq!(look_at(&files), 4000);
    }

    #[test]
    fn the_older_control_groups_are_read_too() {
        let files = [
            EIGHT,
            (
                "proc/self/cgroup",
                "3:cpu,memory:/mine\n1:name=x:/\nnonsense\n",
            ),
            ("sys/fs/cgroup/memory/mine/memory.limit_in_bytes", "10000\n"),
        ];
        assert_eq!(look_at(&files), 8000);
    }

    #[test]
    fn nothing_readable_means_a_small_machine() {
        assert_eq!(look_at(&[]), UNKNOWN / 5 * 4);
    }
}
