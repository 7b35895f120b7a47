//! `sdk completions` and `sdk man`: both are made from the command line's definition.

use std::path::Path;

use clap::CommandFactory as _;

use crate::cli::Cli;
use crate::failure::{Failure, at, environment};
use crate::print;

pub(super) fn completions(shell: clap_complete::Shell) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "sdk", &mut script);
    print::text(&String::from_utf8_lossy(&script))?;
    Ok(0)
}

pub(super) fn man(folder: Option<&Path>) -> Result<u8, Failure> {
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder).map_err(at(folder))?;
        clap_mangen::generate_to(Cli::command(), folder).map_err(at(folder))?;
        return Ok(0);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .map_err(|error| environment(error, "there is no memory left"))?;
    print::text(&String::from_utf8_lossy(&page))?;
    Ok(0)
}
