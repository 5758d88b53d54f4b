//! DMA through a port: bytes, faults, counts, and copies against the steps they stand for.

use proptest::prelude::*;

use super::super::Prot;
use super::super::fixture::{Memory, iommu};
use super::*;

const READ: Prot = Prot { read: true, write: false, exec: false };
const PAGE: u64 = 0x1000;

/// Pages at device addresses 0, 1, 2 ... that are the pages of memory named, with their permission.
fn port(memory: &Arc<Memory>, pages: &[(u64, Prot)]) -> Arc<DmaPort> {
    let domain = Domain::paging(iommu("/smmu"));
    for (at, (user, prot)) in pages.iter().enumerate() {
        let iova = Iova(at as u64 * PAGE);
        domain.map(iova, PAGE, *prot, memory.clone(), UserAddr(user * PAGE)).unwrap();
    }
    DmaPort::new("dma", domain)
}

#[test]
fn an_access_crosses_mappings_and_stops_at_the_first_that_is_missing() {
    let memory = Memory::new((0..3 * PAGE).map(|at| (at / PAGE) as u8).collect());
    let port = port(&memory, &[(2, READ), (0, READ)]);
    let mut bytes = [9; 4];
    port.read(Iova(PAGE - 2), &mut bytes).unwrap();
    assert_eq!(bytes, [2, 2, 0, 0]);
    let fault = port.read(Iova(2 * PAGE - 3), &mut bytes).unwrap_err();
    assert_eq!(
        fault,
        DmaFault { iova: Iova(2 * PAGE), access: Access::Read, reason: FaultReason::NotMapped }
    );
    let denied = port.write(Iova(0), &[1]).unwrap_err();
    assert_eq!(denied.reason, FaultReason::NotAllowed);
    assert_eq!(port.fetch(Iova(0), &mut bytes).unwrap_err().access, Access::Execute);
    assert_eq!(port.transferred(), Transferred { read: 7, written: 0 });
    assert_eq!(port.faults().total, 3);
    assert_eq!(port.faults().first[0], fault);
}

#[test]
fn memory_that_is_gone_and_addresses_that_wrap_are_faults() {
    let memory = Memory::new(vec![7; PAGE as usize / 2]);
    let port = port(&memory, &[(0, Prot::READ_WRITE)]);
    let fault = port.write(Iova(PAGE / 2 - 2), &[1; 4]).unwrap_err();
    assert_eq!((fault.iova, fault.reason), (Iova(PAGE / 2), FaultReason::MemoryGone));
    assert_eq!(port.transferred().written, 2);
    let direct = DmaPort::new("dma", Domain::direct(Some(memory)));
    assert_eq!(direct.read(Iova(u64::MAX), &mut [0; 2]).unwrap_err().reason, FaultReason::MemoryGone);
    let nothing = DmaPort::new("dma", Domain::direct(None));
    assert_eq!(nothing.read(Iova(0), &mut [0]).unwrap_err().reason, FaultReason::NotMapped);
}

#[test]
fn faults_are_kept_up_to_a_bound() {
    let port = DmaPort::new("dma", Domain::blocked());
    for _ in 0..1000 {
        assert_eq!(port.read(Iova(0), &mut [0]).unwrap_err().reason, FaultReason::Blocked);
    }
    assert_eq!(port.faults().total, 1000);
    assert!(port.faults().first.len() < 100);
}

#[test]
fn a_held_port_lets_nothing_through_until_all_let_go() {
    let memory = Memory::new(vec![7; PAGE as usize]);
    let port = port(&memory, &[(0, READ)]);
    let other = Domain::direct(Some(memory));
    let (first, second) = (port.hold(), port.hold());
    drop(first);
    assert!(port.read(Iova(0), &mut [0]).is_err());
    port.attach(&other);
    assert!(port.read(Iova(0), &mut [0]).is_err());
    drop(second);
    assert!(!port.is_held());
    assert_eq!(port.write(Iova(0), &[1]), Ok(()));
}

/// The bytes after copying in steps through the model, and how far it came.
fn stepwise(port: &DmaPort, from: u64, to: u64, len: u64, step: u64) -> Result<(), (u64, DmaFault)> {
    let mut done = 0;
    while done < len {
        let mut bytes = vec![0; step.min(len - done) as usize];
        port.read(Iova(from + done), &mut bytes).map_err(|fault| (done, fault))?;
        port.write(Iova(to + done), &bytes).map_err(|fault| (fault.iova.0 - to, fault))?;
        done += bytes.len() as u64;
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_copy_is_what_its_steps_would_be(
        pages in proptest::collection::vec((0..4u64, any::<bool>(), any::<bool>()), 1..5),
        from in 0..4 * PAGE,
        distance in -40..40i64,
        far in any::<Option<u16>>(),
        len in 0..3 * PAGE,
        step in 1..40u64,
    ) {
        let to = match far {
            Some(far) => u64::from(far) % (4 * PAGE),
            None => from.saturating_add_signed(distance),
        };
        let prots: Vec<_> =
            pages.iter().map(|(page, read, write)| (*page, Prot { read: *read, write: *write || *read, exec: false })).collect();
        let bytes: Vec<u8> = (0..4 * PAGE).map(|at| (at * 7 + at / 251) as u8).collect();
        let (one, other) = (Memory::new(bytes.clone()), Memory::new(bytes));
        let (fast, slow) = (port(&one, &prots), port(&other, &prots));
        prop_assert_eq!(fast.copy(Iova(from), Iova(to), len, step), stepwise(&slow, from, to, len, step));
        prop_assert_eq!(one.bytes(), other.bytes());
        prop_assert_eq!(fast.transferred().written, slow.transferred().written);
    }
}

#[test]
fn a_large_copy_takes_few_passes_and_says_where_memory_ended() {
    let memory = Memory::new(vec![3; 10 << 20]);
    let port = DmaPort::new("dma", Domain::direct(Some(memory.clone())));
    let fault = port.copy(Iova(0), Iova(6 << 20), 6 << 20, 16).unwrap_err();
    assert_eq!(fault.0, 4 << 20);
    assert_eq!((fault.1.iova, fault.1.access), (Iova(10 << 20), Access::Write));
    assert_eq!(port.copy(Iova(0), Iova(5 << 20), 5 << 20, 0), Ok(()));
}
