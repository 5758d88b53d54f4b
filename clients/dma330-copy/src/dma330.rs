//! What a driver has to know of the DMA-330 (ARM DDI 0424): registers, and the little programs its channels run.

use crate::Failure;
use crate::registers::Registers;

const INTEN: u64 = 0x020;
const INTCLR: u64 = 0x02c;
const FSRD: u64 = 0x030;
const FSRC: u64 = 0x034;
const FTR: u64 = 0x040;
const CSR: u64 = 0x100;
const DBGSTATUS: u64 = 0xd00;
const DBGCMD: u64 = 0xd04;
const DBGINST0: u64 = 0xd08;
const DBGINST1: u64 = 0xd0c;
const CR0: u64 = 0xe00;
const CRD: u64 = 0xe14;

/// Bytes a burst of [`Dma330::program`] moves: 16 beats of 8.
pub const BURST: u64 = 128;

/// One controller.
pub struct Dma330<'a> {
    registers: Registers<'a>,
    /// The beat the data bus allows, as a power of two of bytes, at most 8 bytes.
    beat: u32,
    /// Threads run non-secure when the manager booted so.
    non_secure: u32,
}

impl<'a> Dma330<'a> {
    /// Look at the configuration registers.
    ///
    /// # Errors
    /// Where they cannot be read, or are none of a DMA-330.
    pub fn new(registers: Registers<'a>) -> Result<Self, Failure> {
        let width = registers.load(CRD)? & 7;
        if !(2..=4).contains(&width) {
            return Err(Failure::new(
                "CRD",
                format!("a data bus of code {width} is none that a DMA-330 has"),
            ));
        }
        let non_secure = registers.load(CR0)? >> 2 & 1;
        Ok(Dma330 { registers, beat: width.min(3), non_secure })
    }

    /// The program that copies `bytes` and then signals `event`.
    pub fn program(&self, from: u32, to: u32, bytes: u64, event: u32) -> Vec<u8> {
        let mut code = Vec::new();
        let beats = 16;
        let burst = beats << self.beat;
        // A non-secure thread may only program non-secure reads and writes (AxPROT[1], bits 9 and 23).
        let side = 1 | self.beat << 1 | (beats - 1) << 4 | self.non_secure << 9;
        mov(&mut code, 1, side | side << 14);
        mov(&mut code, 0, from);
        mov(&mut code, 2, to);
        let mut bursts = bytes / u64::from(burst);
        while bursts > 0 {
            let inner = bursts.min(256);
            let outer = (bursts / inner).min(256);
            looped(&mut code, inner, outer);
            bursts -= inner * outer;
        }
        // DMAWMB: the event comes after the bytes. DMASEV, DMAEND.
        code.extend([0x13, 0x34, (event << 3) as u8, 0x00]);
        code
    }

    /// The program that copies the burst at `from` to `to` again and again, for ever.
    pub fn endless(&self, from: u32, to: u32) -> Vec<u8> {
        let mut code = Vec::new();
        let side = self.beat << 1 | self.non_secure << 9;
        mov(&mut code, 1, side | side << 14);
        mov(&mut code, 0, from);
        mov(&mut code, 2, to);
        // DMALD, DMAST, and back to the first of them without counting.
        code.extend([0x04, 0x08, 0x28, 0x02]);
        code
    }

    /// Whether a channel is stopped, as all are after a reset.
    ///
    /// # Errors
    /// As [`Registers`].
    pub fn is_stopped(&self, channel: u32) -> Result<bool, Failure> {
        Ok(self.registers.load(CSR + 8 * u64::from(channel))? & 0xf == 0)
    }

    /// Let `event` raise its interrupt.
    ///
    /// # Errors
    /// As [`Registers`].
    pub fn enable(&self, event: u32) -> Result<(), Failure> {
        let enabled = self.registers.load(INTEN)?;
        self.registers.store(INTEN, enabled | 1 << event)
    }

    /// Let it no longer.
    ///
    /// # Errors
    /// As [`Registers`].
    pub fn disable(&self, event: u32) -> Result<(), Failure> {
        let enabled = self.registers.load(INTEN)?;
        self.registers.store(INTEN, enabled & !(1 << event))
    }

    /// Start the program at `address` on a channel: DMAGO through the debug registers.
    ///
    /// # Errors
    /// Where the manager is busy for good.
    pub fn go(&self, channel: u32, address: u32) -> Result<(), Failure> {
        self.prepare(channel, address)?;
        self.ring()
    }

    /// All of [`Dma330::go`] but the doorbell.
    ///
    /// # Errors
    /// Where the manager is busy for good.
    pub fn prepare(&self, channel: u32, address: u32) -> Result<(), Failure> {
        let mut patience = 1000;
        while self.registers.load(DBGSTATUS)? & 1 != 0 {
            patience -= 1;
            if patience == 0 {
                return Err(Failure::new("DMAGO", "the manager stays busy"));
            }
        }
        self.registers.store(DBGINST0, (0xa0 | self.non_secure << 1) << 16 | channel << 24)?;
        self.registers.store(DBGINST1, address)
    }

    /// The doorbell: perform what was prepared.
    ///
    /// # Errors
    /// As [`Registers`].
    pub fn ring(&self) -> Result<(), Failure> {
        self.registers.store(DBGCMD, 0)
    }

    /// Take the interrupt of `event` back.
    ///
    /// # Errors
    /// As [`Registers`].
    pub fn acknowledge(&self, event: u32) -> Result<(), Failure> {
        self.registers.store(INTCLR, 1 << event)
    }

    /// Whether a channel or the manager has stopped on a fault, and how its registers describe it.
    ///
    /// # Errors
    /// As [`Registers`].
    pub fn fault(&self, channel: u32) -> Result<Option<String>, Failure> {
        if self.registers.load(FSRD)? & 1 != 0 {
            return Ok(Some("the manager has faulted".to_owned()));
        }
        if self.registers.load(FSRC)? >> channel & 1 == 0 {
            return Ok(None);
        }
        let kind = self.registers.load(FTR + 4 * u64::from(channel))?;
        let state = self.registers.load(CSR + 8 * u64::from(channel))?;
        Ok(Some(format!("channel {channel} has faulted: FTR {kind:#x}, CSR {state:#x}")))
    }
}

/// DMAMOV of an immediate into SAR (0), CCR (1) or DAR (2).
fn mov(code: &mut Vec<u8>, register: u8, value: u32) {
    code.extend([0xbc, register]);
    code.extend(value.to_le_bytes());
}

/// `outer` times `inner` times DMALD, DMAST.
fn looped(code: &mut Vec<u8>, inner: u64, outer: u64) {
    code.extend([0x22, (outer - 1) as u8]);
    let outer_start = code.len();
    code.extend([0x20, (inner - 1) as u8]);
    let inner_start = code.len();
    code.extend([0x04, 0x08]);
    code.extend([0x38, (code.len() - inner_start) as u8]);
    code.extend([0x3c, (code.len() - outer_start) as u8]);
}
