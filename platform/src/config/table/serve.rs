//! The API and what it sends out.

use super::super::setting::Setting;
use super::{BOTH, SERVE};

pub(super) const API: &[Setting] = &[
    Setting::open(
        "LISTEN",
        "0.0.0.0:8000",
        SERVE,
        "Address and port. In a container a loopback address could not be reached.",
    ),
    Setting::open(
        "MAX_CONNECTIONS",
        "4096",
        SERVE,
        "Connections open at once: each takes a file handle and tens of kilobytes of buffers.",
    ),
    Setting::open(
        "HEADER_LIMIT",
        "32KiB",
        SERVE,
        "Bytes of a request's line and headers. Browsers and proxies stay below 16 KiB.",
    ),
    Setting::open(
        "HEADER_TIMEOUT",
        "10s",
        SERVE,
        "How long a client may take to send its headers, so that slow ones do not hold connections.",
    ),
    Setting::open(
        "BODY_LIMIT",
        "64KiB",
        SERVE,
        "Bytes of a request's body, batches and uploads aside: a purl has at most 4 KiB.",
    ),
    Setting::open(
        "BATCH_BODY_LIMIT",
        "16MiB",
        SERVE,
        "Bytes of a batch's body. 10,000 purls have about 1 MB, lock files and SBOMs of large projects several.",
    ),
    Setting::open(
        "BATCH_LIMIT",
        "10000",
        SERVE,
        "Packages of a batch. One transaction writes them all.",
    ),
    Setting::open(
        "UPLOAD_LIMIT",
        "512MiB",
        SERVE,
        "Bytes of an uploaded archive: as much as is fetched of a registry.",
    ),
    Setting::open(
        "REQUEST_TIMEOUT",
        "30s",
        SERVE,
        "How long a request may take, uploads and event streams aside.",
    ),
    Setting::open(
        "UPLOAD_TIMEOUT",
        "10m",
        SERVE,
        "How long an upload may take: 512 MiB at 1 MB/s, and a minute.",
    ),
    Setting::open(
        "FUNCTION_ADMISSION_TIME",
        "120s",
        SERVE,
        "How long a deployed component may take to be compiled and tried: Python's, the largest, take half a minute on one core.",
    ),
    Setting::open(
        "FUNCTION_ADMISSION_MEMORY",
        "2GiB",
        SERVE,
        "Bytes that this may take, in a process of its own beside the API; two run at once.",
    ),
    Setting::open(
        "FUNCTION_SIGNATURES",
        "optional",
        BOTH,
        "`required`: functions that no registered key signed are neither taken nor run. `optional`: what is signed has to be signed well.",
    ),
    Setting::open(
        "CORS_ORIGINS",
        "",
        SERVE,
        "Origins whose pages may call the API, with commas between, as in `https://app.example.com`. Unset: none.",
    ),
    Setting::open(
        "RATE_LIMIT",
        "100",
        SERVE,
        "Packages per hour that a key may submit when it was made without a limit of its own.",
    ),
    Setting::open(
        "DOCS_PAGE",
        "true",
        SERVE,
        "Whether the API serves the page that documents it.",
    ),
];

pub(super) const WEBHOOKS: &[Setting] = &[
    Setting::open(
        "WEBHOOK_ALLOW_PRIVATE",
        "false",
        SERVE,
        "Whether webhooks may go to private addresses. Off: a client could otherwise make the API call services inside.",
    ),
    Setting::open(
        "WEBHOOK_ATTEMPTS",
        "8",
        SERVE,
        "How often a delivery is tried. With pauses from 10 s to 14 h, eight take about a day: a receiver that is mended the next morning.",
    ),
    Setting::open(
        "WEBHOOK_TIMEOUT",
        "10s",
        SERVE,
        "How long a receiver may take to answer. It should take the call and do its work afterwards.",
    ),
];
