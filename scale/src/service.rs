//! How long a task holds its slot, as far as the project has measured it: the one place that says so.
//!
//! From the README, "Measured":
//! - 1,226 honest releases took 20 ms of CPU in the median and 754 ms at the 95th percentile (development build of the
//!   host, so rather too long). A lognormal through these two has a mean of 228 ms.
//! - One worker on 2 cores did 53 and 36 of 103 real releases a second, fetched locally: 38 to 56 ms a core each. The
//!   numbers above are four times that, and are used because they are the cautious ones.
//!
//! Fetching comes on top and was not measured against a registry; [`DOWNLOAD`] is an assumption.

use std::time::Duration;

/// CPU of the median package: measured.
pub const MEDIAN: Duration = Duration::from_millis(20);
/// CPU of the package that 95 of 100 stay under: measured.
pub const P95: Duration = Duration::from_millis(754);
/// Fetching a package: assumed, a few round trips and a megabyte or two.
pub const DOWNLOAD: Duration = Duration::from_millis(250);
/// What an analysis may take: the runtime's limit for one step.
pub const LONGEST: Duration = Duration::from_secs(120);
/// What a decision takes for the mean where none was measured lately: 228 ms of CPU and [`DOWNLOAD`], rounded up.
pub const DEFAULT_MEAN: Duration = Duration::from_millis(500);
/// Variance of the service time over its mean squared: 9.5 for the lognormal above, cut at [`LONGEST`], with
/// [`DOWNLOAD`]. Packages differ far more than the memoryless tasks of textbooks, which have 1.
pub const VARIATION: f64 = 10.0;
