//! Comparisons of vector elements whose outcome is a mask register: what AVX-512 versions of memcmp(3) and strlen(3) consist of.

use iced_x86::{Mnemonic, Register};
use uvfio_kernel::hw::Width;

use super::alu::extend;
use super::processor::width;
use super::vector::Bytes;
use super::{Machine, Refused};

/// A comparison of a register's element with memory's.
type Comparison = fn(Width, u64, u64) -> bool;

impl Machine<'_> {
    /// Compare each element of the register in the middle with that in memory at `at`. Those that a mask leaves out are neither
    /// loaded nor equal.
    pub(super) fn compare_to_mask(&mut self, at: u64) -> Result<(), Refused> {
        let comparison = self.comparison().ok_or(Refused::Unknown)?;
        let (target, source) = (self.instruction.op0_register(), self.instruction.op1_register());
        let element = self.element()?;
        let width = width(element).ok_or(Refused::Unknown)?;
        let accessed = self.accessed(source.size())?;
        let register = self.whole(source)?;
        let data = self.load_bytes(at, accessed)?;
        let mask = (0..source.size() / element)
            .filter(|n| accessed >> (n * element) & 1 == 1)
            .filter(|n| comparison(width, lane(&register, *n, element), lane(&data, *n, element)))
            .fold(0, |mask, n| mask | 1 << n);
        self.set_mask(target, mask)
    }

    fn comparison(&self) -> Option<Comparison> {
        if !self.instruction.op0_register().is_k() || self.instruction.op1_register() == Register::None {
            return None;
        }
        Some(match self.instruction.mnemonic() {
            Mnemonic::Vpcmpeqb | Mnemonic::Vpcmpeqw | Mnemonic::Vpcmpeqd | Mnemonic::Vpcmpeqq => {
                |_, a, b| a == b
            }
            Mnemonic::Vpcmpgtb | Mnemonic::Vpcmpgtw | Mnemonic::Vpcmpgtd | Mnemonic::Vpcmpgtq => {
                |width, a, b| extend(width, a) > extend(width, b)
            }
            Mnemonic::Vptestmb | Mnemonic::Vptestmw | Mnemonic::Vptestmd | Mnemonic::Vptestmq => {
                |_, a, b| a & b != 0
            }
            Mnemonic::Vptestnmb | Mnemonic::Vptestnmw | Mnemonic::Vptestnmd | Mnemonic::Vptestnmq => {
                |_, a, b| a & b == 0
            }
            Mnemonic::Vpcmpb | Mnemonic::Vpcmpw | Mnemonic::Vpcmpd | Mnemonic::Vpcmpq => {
                match self.instruction.immediate8() & 7 {
                    0 => |_, a, b| a == b,
                    1 => |width, a, b| extend(width, a) < extend(width, b),
                    2 => |width, a, b| extend(width, a) <= extend(width, b),
                    3 => |_, _, _| false,
                    4 => |_, a, b| a != b,
                    5 => |width, a, b| extend(width, a) >= extend(width, b),
                    6 => |width, a, b| extend(width, a) > extend(width, b),
                    _ => |_, _, _| true,
                }
            }
            Mnemonic::Vpcmpub | Mnemonic::Vpcmpuw | Mnemonic::Vpcmpud | Mnemonic::Vpcmpuq => {
                match self.instruction.immediate8() & 7 {
                    0 => |_, a, b| a == b,
                    1 => |_, a, b| a < b,
                    2 => |_, a, b| a <= b,
                    3 => |_, _, _| false,
                    4 => |_, a, b| a != b,
                    5 => |_, a, b| a >= b,
                    6 => |_, a, b| a > b,
                    _ => |_, _, _| true,
                }
            }
            _ => return None,
        })
    }
}

/// Element `n` of `size` bytes.
pub(super) fn lane(bytes: &Bytes, n: usize, size: usize) -> u64 {
    let mut wide = [0; 8];
    wide[..size].copy_from_slice(&bytes[n * size..][..size]);
    u64::from_le_bytes(wide)
}
