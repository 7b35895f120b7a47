//! What the system says of processes.

use std::time::Duration;

/// Resident memory of a process.
pub struct Memory {
    /// Now, in MB of a million bytes.
    pub now: f64,
    /// At most, since it started or [`forget_peak`].
    pub peak: f64,
}

/// Resident memory of a process: proc(5), status.
pub fn memory(id: u32) -> Memory {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.unwrap_or_default().trim().trim_end_matches(" kB");
        kib.parse::<f64>().expect("a number") * 1024.0 / 1e6
    };
    Memory {
        now: field("VmRSS:"),
        peak: field("VmHWM:"),
    }
}

/// Lets the peak begin anew: proc(5), clear_refs.
pub fn forget_peak(id: u32) {
    let _ = std::fs::write(format!("/proc/{id}/clear_refs"), "5");
}

/// CPU time of a process, all threads, none if it is gone: fields 14 and 15 of proc(5) stat, in ticks of a
/// hundredth of a second.
pub fn cpu(id: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let fields = after_name.split(' ').skip(11).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Over 1, 5 and 15 minutes.
pub fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}
