//! The command line of the questions about boards. Only words stand here; each question's answer is in the module of its name.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use uvfio_board::{Options, PageSize, Weakening};

/// The questions.
#[derive(Debug, Subcommand)]
pub enum BoardCommand {
    /// Say which devices of a board can be handed out, which only together, and what is in the way
    #[command(after_long_help = BOARD_EXAMPLES)]
    Board(Summary),
    /// List a board's IOMMU groups
    #[command(after_long_help = GROUPS_EXAMPLES)]
    Groups(Plain),
    /// Say why a device can or cannot be handed out, with the evidence
    #[command(after_long_help = EXPLAIN_EXAMPLES)]
    Explain(OfDevice),
    /// List all that has to go where a device goes
    #[command(after_long_help = TOGETHER_EXAMPLES)]
    Together(OfDevice),
    /// List what a device needs, and what needs it
    #[command(after_long_help = DEPENDS_EXAMPLES)]
    Depends(OfDevice),
    /// List a board's interrupt lines: who has each, and which are shared
    #[command(after_long_help = IRQ_EXAMPLES)]
    Irq(Whole),
    /// List how the devices of a board reach memory: IOMMU and streams, coherence, ranges, reserved memory
    #[command(after_long_help = DMA_EXAMPLES)]
    Dma(Whole),
    /// Compare two boards: devices that came or went, and verdicts that changed
    #[command(after_long_help = DIFF_EXAMPLES)]
    Diff(Diff),
    /// Say what is wrong in a board's description
    #[command(
        after_long_help = "Example:\n  uvfio lint board.dtb\n\nExit status:\n  0 nothing was found, 1 something was, 2 the board could not be read."
    )]
    Lint(Plain),
    /// List the boards in a folder by how many of their devices can be handed out
    #[command(after_long_help = RANK_EXAMPLES)]
    Rank(Rank),
    /// Draw a board: its groups, what is tied to what, and what is in the way
    #[command(after_long_help = PICTURE_EXAMPLES)]
    Picture(Picture),
}

const BOARD_EXAMPLES: &str = "\
Examples:
  uvfio board board.dtb
      The devices that stand behind an IOMMU, each with its verdict.

  uvfio board board.dtb --allow reset_required=0 --page 64
      What can be handed out on a host with pages of 64 KiB, if devices need not be reset in between.

  uvfio board /sys/firmware              the machine this runs on (ACPI: as root)
  uvfio board dumps/                     a folder of tables, as acpidump -b writes them
  uvfio board board.dtb --json | jq -r '.devices[] | select(.verdict == \"yes\").name'

Exit status:
  0 the board was judged, 2 it could not be read.";

const GROUPS_EXAMPLES: &str = "\
Example:
  uvfio groups board.dtb
      Each IOMMU group as Linux would make it, with the rule of the IOMMU's driver.

Exit status:
  0 answered, 2 the board could not be read, 3 answered in part: tables of ACPI leave something open.";

const DEPENDS_EXAMPLES: &str = "\
Example:
  uvfio depends board.dtb ee080000.usb

Exit status:
  0 answered, 2 the question could not be answered, 3 answered in part: tables of ACPI leave something open.";

const IRQ_EXAMPLES: &str = "\
Example:
  uvfio irq board.dtb

Exit status:
  0 answered, 2 the board could not be read, 3 answered in part: tables of ACPI leave something open.";

const DMA_EXAMPLES: &str = "\
Example:
  uvfio dma board.dtb

Addresses are hexadecimal; sizes are bytes.

Exit status:
  0 answered, 2 the board could not be read, 3 answered in part: tables of ACPI leave something open.";

const RANK_EXAMPLES: &str = "\
Examples:
  uvfio rank /usr/lib/linux-image-6.12-arm64 --top 20
  uvfio rank dumps/
      Each folder of ACPI tables below it is one machine.

Exit status:
  0 answered; boards that cannot be read are named on stderr and left out. 2 there is no board that can be read.";

const PICTURE_EXAMPLES: &str = "\
Example:
  uvfio picture board.dtb -o board.svg

Exit status:
  0 it is drawn, 2 the board could not be read or the picture not be written.";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  uvfio explain board.dtb 7ff00000.dma
  uvfio explain board.dtb 7ff00000.dma --allow trap-shared-page

A device is named as Linux names it, by the path of its node, or by any part of either that only one device has. With tables of ACPI it is a
PCI function (0000:00:02.0), also one of a range, or a device of the namespace by its path or hardware id, as uvfio board lists them.

Exit status:
  0 it can be handed out, by itself or with others; 1 it cannot; 2 the question could not be answered;
  3 nothing that tables of ACPI know of is in the way, but they do not say all.";

const TOGETHER_EXAMPLES: &str = "\
Example:
  uvfio together board.dtb 7ff00000.dma

Exit status:
  0 they can be handed out; 1 one of them cannot, so none can; 2 the question could not be answered;
  3 nothing that tables of ACPI know of is in the way, but they do not say all.";

const DIFF_EXAMPLES: &str = "\
Example:
  uvfio diff juno-r1.dtb juno-r2.dtb
  uvfio diff board.dtb board.dtb --overlay x.dtbo
      What an overlay changes.

  uvfio diff virt.dtb tables/
      What both say of one machine: its IOMMUs, by which ids PCI functions reach them, where devices
      are and which interrupts they have.

Exit status:
  0 the same devices with the same verdicts, 1 not the same, 2 one could not be read.";

/// Which board, and how the answer is given.
#[derive(Debug, Args)]
pub struct Source {
    /// Put an overlay (.dtbo, .dtso) into the board first, as bootloaders do; may be given several times
    #[arg(long, value_name = "FILE")]
    pub overlay: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What is accepted.
#[derive(Debug, Args)]
pub struct Accept {
    /// The host's page size in KiB
    #[arg(long, value_name = "KIB", value_enum, default_value = "4")]
    pub page: Page,
    /// Something that is given up; may be given several times
    #[arg(long, value_name = "WEAKENING", value_enum)]
    pub allow: Vec<Allow>,
}

impl Accept {
    /// As the verdicts take it.
    pub fn options(&self) -> Options {
        Options { page: self.page.0, allowed: self.allow.iter().map(|allow| allow.0).collect() }
    }
}

/// A page size on the command line.
#[derive(Clone, Copy, Debug)]
pub struct Page(PageSize);

impl ValueEnum for Page {
    fn value_variants<'a>() -> &'a [Self] {
        &[Page(PageSize::K4), Page(PageSize::K16), Page(PageSize::K64)]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(match self.0 {
            PageSize::K4 => "4".into(),
            PageSize::K16 => "16".into(),
            PageSize::K64 => "64".into(),
        })
    }
}

/// A weakening on the command line.
#[derive(Clone, Copy, Debug)]
pub struct Allow(Weakening);

impl ValueEnum for Allow {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Allow(Weakening::ResetNotRequired),
            Allow(Weakening::TrapSharedPage),
            Allow(Weakening::WithoutSharedInterrupt),
            Allow(Weakening::LeaveSharedReset),
            Allow(Weakening::NonCoherentDma),
        ]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        let help = match self.0 {
            Weakening::ResetNotRequired => {
                "vfio-platform's parameter: a device goes from one user to the next as it was left"
            }
            Weakening::TrapSharedPage => {
                "registers in a page with another device's are not mapped but trapped"
            }
            Weakening::WithoutSharedInterrupt => "an interrupt that is another's too is not used",
            Weakening::LeaveSharedReset => "a reset line that is another's too is left alone",
            Weakening::NonCoherentDma => "DMA that does not see the caches: a kernel before 6.0",
        };
        Some(clap::builder::PossibleValue::new(self.0.name()).help(help))
    }
}

/// A question about a board as it is, with nothing to accept.
#[derive(Debug, Args)]
pub struct Plain {
    /// The board: a .dtb, a .dts (compiled with dtc), ACPI tables in a file or folder, /sys/firmware, or `demo`
    pub file: PathBuf,
    #[command(flatten)]
    pub source: Source,
}

/// A question about all devices of a board.
#[derive(Debug, Args)]
pub struct Whole {
    #[command(flatten)]
    pub plain: Plain,
    /// All devices and lines, also those with nothing worth a word
    #[arg(long)]
    pub all: bool,
}

/// `uvfio board`.
#[derive(Debug, Args)]
pub struct Summary {
    #[command(flatten)]
    pub whole: Whole,
    #[command(flatten)]
    pub accept: Accept,
}

/// A question about one device.
#[derive(Debug, Args)]
pub struct OfDevice {
    #[command(flatten)]
    pub plain: Plain,
    /// The device, as Linux names it (7ff00000.dma)
    pub device: String,
    #[command(flatten)]
    pub accept: Accept,
}

/// `uvfio diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// The one board, as for uvfio board
    pub before: PathBuf,
    /// The other
    pub after: PathBuf,
    /// Put an overlay (.dtbo, .dtso) into the other board first; may be given several times
    #[arg(long, value_name = "FILE")]
    pub overlay: Vec<PathBuf>,
    #[command(flatten)]
    pub accept: Accept,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `uvfio rank`.
#[derive(Debug, Args)]
pub struct Rank {
    /// A folder; its .dtb files and ACPI tables are taken, those of the folders in it too
    pub folder: PathBuf,
    /// Only so many boards
    #[arg(long, value_name = "N")]
    pub top: Option<usize>,
    #[command(flatten)]
    pub accept: Accept,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `uvfio picture`.
#[derive(Debug, Args)]
pub struct Picture {
    /// The board, as for `uvfio board`
    pub file: PathBuf,
    /// Put an overlay (.dtbo, .dtso) into the board first, as bootloaders do; may be given several times
    #[arg(long, value_name = "FILE")]
    pub overlay: Vec<PathBuf>,
    /// Where the SVG goes; to stdout where it is not said
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub accept: Accept,
}
