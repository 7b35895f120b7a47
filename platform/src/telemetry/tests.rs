use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;
use url::Url;

use super::*;
use crate::config::Secret;

mod logs;
mod traces;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Lines {
    type Writer = Self;
    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

fn config(format: LogFormat, endpoint: Option<&str>) -> TelemetryConfig {
    TelemetryConfig {
        log_format: format,
        log_level: "info".into(),
        otlp_headers: Some(Secret::new("x-collector-key=a%2Cb")),
        otlp_endpoint: endpoint.map(|url| Url::parse(url).unwrap()),
        service_name: "packguard".into(),
        sampling_ratio: 1.0,
    }
}

fn logging(format: LogFormat) -> (Dispatch, Lines) {
    let lines = Lines::default();
    let (dispatch, _) = build(&config(format, None), "serve", lines.clone(), false).unwrap();
    (dispatch, lines)
}
