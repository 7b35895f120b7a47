//! Where histograms draw their lines. A percentile is only as good as the boundaries near
//! it, and each boundary is a series for each set of labels: few, and where they are needed.

/// A histogram's upper bounds, and why those.
#[derive(Debug)]
pub struct Buckets {
    /// In the metric's unit, rising; what is more falls into `+Inf`.
    pub bounds: &'static [f64],
    /// The reason.
    pub why: &'static str,
}

const MIB: f64 = 1024.0 * 1024.0;

/// Answers to HTTP requests.
pub(super) static HTTP: Buckets = Buckets {
    bounds: &[
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
    ],
    why: "Two aims are boundaries: 50 ms (99 of 100 submissions) and 500 ms (the average that the old service promised). Cached reads take about 1 ms; 10 s is where clients give up",
};

/// From ready to claimed.
pub(super) static QUEUE_WAIT: Buckets = Buckets {
    bounds: &[
        0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0,
    ],
    why: "An idle system's aims are boundaries (5 ms for half, 25 ms for 99 of 100), and so is the default timeout of a task, 30 minutes; between them, what a person and an autoscaler tell apart",
};

/// From claim to end.
pub(super) static TASK: Buckets = Buckets {
    bounds: &[
        0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 1800.0,
    ],
    why: "A median package takes some 0.1 s plus its download; a large one seconds; 600 s is the old service's average, 1800 s the default timeout",
};

/// One analyzer on one package.
pub(super) static ANALYZER: Buckets = Buckets {
    bounds: &[
        0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 120.0,
    ],
    why: "A sandbox costs 20 µs and an analyzer that has nothing to do well below 1 ms; most take 1 to 100 ms; 120 s is a step's limit",
};

/// One analyzer's memory.
pub(super) static ANALYZER_MEMORY: Buckets = Buckets {
    bounds: &[
        2.0 * MIB,
        4.0 * MIB,
        8.0 * MIB,
        16.0 * MIB,
        32.0 * MIB,
        64.0 * MIB,
        128.0 * MIB,
        256.0 * MIB,
        384.0 * MIB,
        512.0 * MIB,
    ],
    why: "Powers of two from an empty guest (1 to 2 MiB) to a step's limit (512 MiB), with 384 MiB to see who comes near it",
};

/// Downloads from registries.
pub(super) static FETCH: Buckets = Buckets {
    bounds: &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0],
    why: "A round trip to a registry and back is some 50 ms; all artifacts of a release may be 1 GiB, minutes at 10 MB/s",
};

/// Object storage.
pub(super) static STORAGE: Buckets = Buckets {
    bounds: &[
        0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
    ],
    why: "A local folder answers within 1 ms, S3 in 10 to 100 ms; more than 1 s is trouble, and 30 s a client's timeout",
};

/// Postgres and Redis.
pub(super) static BACKEND: Buckets = Buckets {
    bounds: &[
        0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0,
    ],
    why: "On a local network both answer in 0.2 to 5 ms, and a request that may take 50 ms makes several; more than 0.1 s is a lock or a failover",
};
