//! The table, and whether it holds.

use std::{fmt::Write, time::Duration};

use crate::Result;

/// Spawn to first `next`, as a multiple of hello's.
const INIT_RATIO_MAX: f64 = 2.5;
/// Peak memory with one request served.
const PEAK_RSS_KIB_MAX: u64 = 16 * 1024;
/// What is uploaded.
const ZIP_BYTES_MAX: u64 = 5 * 1000 * 1000;

/// The medians over all rounds of what one function took, and of its ratio to what hello took in the same round.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    pub(super) median: Duration,
    pub(super) x_hello: f64,
}

/// The medians of one function's cold starts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    pub(super) init: Timing,
    pub(super) first: Timing,
    pub(super) peak_rss_kib: u64,
    pub(super) binary_bytes: u64,
    /// Nothing where no bootstrap is uploaded.
    pub(super) zip_bytes: Option<u64>,
}

/// One line of the table; the first line is hello's.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) figures: Figures,
    /// Held to the limits.
    pub(super) is_ours: bool,
}

/// The figures for a reader.
pub(super) fn table(rows: &[Row]) -> String {
    let mut out = format!(
        "{:<12} {:>10} {:>8} {:>14} {:>8} {:>12} {:>12} {:>10}\n",
        "function", "init", "x hello", "first answer", "x hello", "peak memory", "binary", "zip"
    );
    for row in rows {
        let figures = &row.figures;
        let _ = writeln!(
            out,
            "{:<12} {:>7.2} ms {:>8.2} {:>11.2} ms {:>8.2} {:>9.1} MiB {:>9.2} MB {:>10}",
            row.name,
            millis(figures.init.median),
            figures.init.x_hello,
            millis(figures.first.median),
            figures.first.x_hello,
            kib_as_mib(figures.peak_rss_kib),
            megabytes(figures.binary_bytes),
            figures.zip_bytes.map_or_else(|| "-".to_owned(), |bytes| format!("{:.2} MB", megabytes(bytes))),
        );
    }
    out
}

/// Names every broken limit; an error only when that is asked for.
pub(super) fn verdict(rows: &[Row], check: bool) -> Result<()> {
    let faults: Vec<String> = rows.iter().filter(|row| row.is_ours).flat_map(faults).collect();
    if faults.is_empty() {
        println!("every limit holds: init <= {INIT_RATIO_MAX} x hello, peak <= 16 MiB, zip <= 5 MB");
        return Ok(());
    }
    let faults = faults.join("\n");
    if check {
        return Err(format!("beyond the limits\n{faults}").into());
    }
    println!("beyond the limits (--check would fail)\n{faults}");
    Ok(())
}

fn faults(row: &Row) -> Vec<String> {
    let Row { name, figures, .. } = row;
    let ratio = figures.init.x_hello;
    let mut faults = Vec::new();
    if ratio > INIT_RATIO_MAX {
        faults.push(format!("{name}: init is {ratio:.2} x hello, allowed are {INIT_RATIO_MAX}"));
    }
    if figures.peak_rss_kib > PEAK_RSS_KIB_MAX {
        let peak = kib_as_mib(figures.peak_rss_kib);
        faults.push(format!("{name}: {peak:.1} MiB at the peak, allowed are 16"));
    }
    if let Some(bytes) = figures.zip_bytes.filter(|bytes| *bytes > ZIP_BYTES_MAX) {
        let zip = megabytes(bytes);
        faults.push(format!("{name}: the zip has {zip:.2} MB, allowed are 5"));
    }
    faults
}

/// Milliseconds with a fraction.
pub(super) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "sizes of files and processes are far below 2^52")]
fn kib_as_mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

#[expect(clippy::cast_precision_loss, reason = "sizes of files and processes are far below 2^52")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Beside a hello that takes 2 ms.
    fn row(name: &str, init_ms: u32, peak_rss_kib: u64, zip_bytes: u64) -> Row {
        let timing =
            |ms: u32| Timing { median: Duration::from_millis(ms.into()), x_hello: f64::from(ms) / 2.0 };
        let figures = Figures {
            init: timing(init_ms),
            first: timing(init_ms + 1),
            peak_rss_kib,
            binary_bytes: 2 * zip_bytes,
            zip_bytes: Some(zip_bytes),
        };
        Row { name: name.to_owned(), figures, is_ours: true }
    }

    #[test]
    fn limits_are_inclusive() {
        let hello = row("hello", 2, 3500, 1_000_000);
        let rows = [hello, row("good", 5, 16 * 1024, 5_000_000)];
        verdict(&rows, true).unwrap();
    }

    #[test]
    fn every_broken_limit_is_named() {
        let hello = row("hello", 2, 3500, 1_000_000);
        let rows = [hello, row("slow", 6, 1, 1), row("fat", 2, 16 * 1024 + 1, 5_000_001)];
        verdict(&rows, false).unwrap();
        let error = verdict(&rows, true).unwrap_err().to_string();
        for part in ["slow: init is 3.00", "fat: 16.0 MiB", "fat: the zip"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn who_is_not_ours_is_held_to_nothing() {
        let hello = row("hello", 2, 3500, 1_000_000);
        let python = Row { is_ours: false, ..row("python", 900, 64 * 1024, 40_000_000) };
        verdict(&[hello, python], true).unwrap();
    }

    #[test]
    fn the_table_has_a_line_for_each() {
        let table = table(&[row("hello", 2, 1024, 1_000_000), row("identity", 4, 2048, 2_000_000)]);
        let line = table.lines().nth(2).unwrap();
        assert!(line.contains("identity") && line.contains("2.00") && line.contains("2.0 MiB"), "{table}");
    }
}
