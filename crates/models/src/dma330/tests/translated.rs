//! The same through a real translation, where a page may be mapped twice, or its memory be gone.

use std::any::Any;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use uvfio_kernel::addr::{Iova, UserAddr};
use uvfio_kernel::hw::{Access, Backing, Line, MemoryGone, Model, Progress, Width, Wires};
use uvfio_kernel::iommu::{Aperture, DmaPort, Domain, Faults, Iommu, IommuFacts, Prot, Transferred};

use super::equal::{Case, PAGES, cases};
use super::{PAGE, R, Still, W, Wire, X};
use crate::dma330::{Config, Dma330};

/// A process's memory from address 0 on.
struct Process(Mutex<Vec<u8>>);

impl Backing for Process {
    fn read(&self, from: UserAddr, into: &mut [u8]) -> Result<(), MemoryGone> {
        let bytes = self.0.lock().unwrap();
        for (at, byte) in (from.0..).zip(into) {
            *byte = *bytes.get(at as usize).ok_or(MemoryGone { at: UserAddr(at) })?;
        }
        Ok(())
    }

    fn write(&self, to: UserAddr, from: &[u8]) -> Result<(), MemoryGone> {
        let mut bytes = self.0.lock().unwrap();
        for (at, byte) in (to.0..).zip(from) {
            *bytes.get_mut(at as usize).ok_or(MemoryGone { at: UserAddr(at) })? = *byte;
        }
        Ok(())
    }

    fn copy(
        &self,
        from: UserAddr,
        other: &dyn Backing,
        to: UserAddr,
        len: u64,
    ) -> Result<(), (u64, MemoryGone, Access)> {
        let mut bytes = vec![0; len as usize];
        let read = self.read(from, &mut bytes);
        let whole = read.map_or_else(|gone| gone.at.0 - from.0, |()| len);
        let written = other.write(to, &bytes[..whole as usize]);
        written.map_err(|gone| (gone.at.0 - to.0, gone, Access::Write))?;
        read.map_err(|gone| (whole, gone, Access::Read))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// What a program and a report can see: registers, memory, what went through the port, and what did not.
type Outcome = (Vec<u32>, Vec<u8>, Transferred, Faults);

fn outcome(case: &Case, pages: &[usize], present: usize, make: fn(Config, Wires) -> Dma330) -> Outcome {
    let mut fill: Vec<u8> = (0..present * PAGE).map(|at| (at ^ at >> 8 ^ at >> 13) as u8).collect();
    let program = case.program();
    fill[0x20..0x20 + program.len()].copy_from_slice(&program);
    let process = Arc::new(Process(Mutex::new(fill)));
    let aperture = Aperture { first: Iova(0), last: Iova(0xffff_ffff) };
    let facts = IommuFacts { page_sizes: 0x1000, aperture, reserved: Vec::new() };
    let domain = Domain::paging(Iommu::new("/iommu", facts));
    let allowed = |page: usize| {
        let what =
            case.holes.iter().rev().find(|(hole, _)| *hole == page).map_or(R | W | X, |(_, what)| *what);
        Prot { read: what & R != 0, write: what & W != 0, exec: what & X != 0 }
    };
    // Pages that follow each other on both sides are one mapping.
    let mut page = 0;
    while page < pages.len() {
        let joined =
            |next: &usize| pages[*next] == pages[page] + next - page && allowed(*next) == allowed(page);
        let count = (page..pages.len()).take_while(joined).count();
        let at = |page: usize| (page * PAGE) as u64;
        let user = UserAddr(at(pages[page]));
        domain.map(Iova(at(page)), at(count), allowed(page), process.clone(), user).unwrap();
        page += count;
    }
    let port = DmaPort::new("dma", domain);
    let lines = (0..9).map(|_| Arc::<Wire>::default() as Arc<dyn Line>).collect();
    let mut dma = make(Config::juno(), Wires { dma: port.clone(), lines, clock: Arc::new(Still) });
    dma.write(0, 0xd08, Width::Double, 0x20_00a2_0000);
    dma.write(0, 0xd04, Width::Word, 0);
    for _ in 0..200_000 {
        if dma.run(case.budget) == Progress::Idle {
            let offsets = (0..0x60).chain(0x100..0x140).chain(0x400..0x500).step_by(4);
            let registers = offsets.map(|offset| dma.read(0, offset, Width::Word) as u32).collect();
            let memory = process.0.lock().unwrap().clone();
            return (registers, memory, port.transferred(), port.faults());
        }
    }
    panic!("it does not end");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn recognised_copies_equal_interpreted_ones(
        case in cases(),
        shuffled in prop::collection::vec(prop_oneof![3 => Just(None), 1 => (1..PAGES).prop_map(Some)], PAGES - 1),
    ) {
        // The first page holds the program and is nobody else's.
        let others = shuffled.iter().enumerate().map(|(page, user)| user.unwrap_or(page + 1));
        let pages: Vec<usize> = std::iter::once(0).chain(others).collect();
        let (registers, memory, transferred, faults) = outcome(&case, &pages, PAGES, Dma330::new);
        let expected = outcome(&case, &pages, PAGES, Dma330::interpreted);
        prop_assert_eq!(registers, expected.0);
        prop_assert!(memory == expected.1, "memory differs");
        prop_assert_eq!(faults, expected.3);
        prop_assert_eq!(transferred.written, expected.2.written);
    }
}

#[test]
fn memory_that_goes_in_the_middle_of_a_step() {
    for (from, to) in [(16, 4), (4, 16)] {
        let case = Case {
            control: super::asm::ccr(16, 15),
            from: from * PAGE as u32,
            to: to * PAGE as u32,
            outer: None,
            inner: 200,
            body: vec!["ld", "st"],
            holes: Vec::new(),
            budget: 1000,
        };
        let pages: Vec<usize> = (0..PAGES).collect();
        let found = outcome(&case, &pages, 20, Dma330::new);
        let expected = outcome(&case, &pages, 20, Dma330::interpreted);
        assert!(found.2.written > 16_000, "the program ran");
        assert_eq!((found.0, found.3), (expected.0, expected.3));
        // Of the step whose source is gone, a copy may have moved what was still there.
        let partial = if from > to { 4 * PAGE / 240 * 240..4 * PAGE } else { 0..0 };
        let differ = |at: &usize| found.1[*at] != expected.1[*at];
        let different =
            (0..found.1.len()).filter(differ).all(|at| partial.contains(&(at - to as usize * PAGE)));
        assert!(different, "memory differs");
    }
}
