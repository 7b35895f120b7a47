//! Results as a drawing: queue, pods and wait over time, one below the other.
//!
//! Drawn by `plotters`, of which only lines and SVG are built: it knows where an axis wants its marks and escapes what
//! it writes.

use std::fmt::Display;

use plotters::prelude::*;

use super::SimulateError;
use super::measures::{Outcome, Sample};

const SIZE: (u32, u32) = (1000, 780);
const FONT: &str = "sans-serif";
const BLUE_LINE: RGBColor = RGBColor(31, 96, 168);
const ORANGE_LINE: RGBColor = RGBColor(214, 98, 28);

/// A line: what it is called, its colour, and its value at a point in time.
type Line = (&'static str, RGBColor, fn(&Sample) -> f64);

const PANELS: [(&str, &[Line]); 3] = [
    (
        "Tasks that wait, and that are worked on",
        &[
            ("waiting", ORANGE_LINE, |sample| sample.queued as f64),
            ("running", BLUE_LINE, |sample| sample.running as f64),
        ],
    ),
    (
        "Pods",
        &[
            ("wanted", ORANGE_LINE, |sample| {
                f64::from(sample.pods_wanted)
            }),
            ("ready", BLUE_LINE, |sample| f64::from(sample.pods_ready)),
        ],
    ),
    (
        "Wait in seconds, 95th percentile of what was claimed meanwhile",
        &[("wait", BLUE_LINE, |sample| sample.wait_p95)],
    ),
];

/// An SVG document.
pub(super) fn draw(outcome: &Outcome) -> Result<String, SimulateError> {
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        for ((title, lines), area) in PANELS.into_iter().zip(root.split_evenly((PANELS.len(), 1))) {
            panel(outcome, title, lines, &area).map_err(failed)?;
        }
        root.present().map_err(failed)?;
    }
    Ok(text)
}

fn failed(why: impl Display) -> SimulateError {
    SimulateError::Chart(why.to_string())
}

fn panel<D: DrawingBackend>(
    outcome: &Outcome,
    title: &str,
    lines: &[Line],
    area: &DrawingArea<D, plotters::coord::Shift>,
) -> Result<(), DrawingAreaErrorKind<D::ErrorType>> {
    let highest = lines
        .iter()
        .flat_map(|(_, _, value)| outcome.samples.iter().map(value))
        .fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FONT, 15))
        .margin(10)
        .x_label_area_size(34)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..outcome.hours.max(0.01), 0.0..highest * 1.05)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_labels(13)
        .y_labels(6)
        .x_desc("hours")
        .x_label_formatter(&|hours| mark(*hours, outcome.hours))
        .y_label_formatter(&|value| mark(*value, highest))
        .draw()?;
    for &(name, colour, value) in lines {
        let points = outcome
            .samples
            .iter()
            .map(|sample| (sample.seconds as f64 / 3600.0, value(sample)));
        chart
            .draw_series(LineSeries::new(points, &colour))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE)
        .draw()
}

/// A mark on an axis that ends there: whole numbers where they tell marks apart.
fn mark(value: f64, end: f64) -> String {
    if end >= 5.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}
