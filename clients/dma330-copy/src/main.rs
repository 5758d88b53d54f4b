//! The program: `dma330-copy DEVICE`.

use std::process::ExitCode;

fn main() -> ExitCode {
    dma330_copy::main(std::env::args().skip(1))
}
