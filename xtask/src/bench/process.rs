//! What the kernel knows about a running process: memory and CPU time, from `/proc`.

use std::{fs, time::Duration};

use crate::Result;

/// Linux counts CPU time for user space in hundredths of a second, on every architecture (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// The most memory the process has had resident so far, in KiB (`VmHWM`).
pub(super) fn peak_rss_kib(pid: u32) -> Result<u64> {
    status_kib(&fs::read_to_string(format!("/proc/{pid}/status"))?, "VmHWM")
}

/// User and system time of all threads so far.
pub(super) fn cpu_time(pid: u32) -> Result<Duration> {
    stat_cpu_time(&fs::read_to_string(format!("/proc/{pid}/stat"))?)
}

fn status_kib(status: &str, field: &str) -> Result<u64> {
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
        .and_then(|value| value.trim().strip_suffix("kB"))
        .ok_or_else(|| format!("/proc/<pid>/status has no {field}"))?;
    Ok(value.trim().parse()?)
}

/// Fields 14 and 15, counted behind the command's name, which may hold spaces and brackets.
fn stat_cpu_time(stat: &str) -> Result<Duration> {
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || -> Result<u32> { Ok(fields.next().ok_or("/proc/<pid>/stat is short")?.parse()?) };
    Ok(TICK * (ticks()? + ticks()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peak_memory_is_found_among_the_fields() {
        let status = "Name:\thello\nVmPeak:\t   99 kB\nVmHWM:\t    3512 kB\n";
        assert_eq!(status_kib(status, "VmHWM").unwrap(), 3512);
        assert!(status_kib(status, "VmSwap").is_err());
    }

    #[test]
    fn cpu_time_is_counted_behind_a_name_with_brackets() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 100 0 0 0 12 30 0 0 20 0 3 0 100 1 2";
        assert_eq!(stat_cpu_time(stat).unwrap(), Duration::from_millis(420));
    }

    #[test]
    fn this_process_has_both() {
        assert!(peak_rss_kib(std::process::id()).unwrap() > 0);
        cpu_time(std::process::id()).unwrap();
    }
}
