//! The table against a list of bytes.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::fixture::Memory;
use super::*;

/// What stands at every address of a small space: the memory's address and the permission.
#[derive(Clone, Debug, PartialEq)]
struct Naive(Vec<Option<(u64, Prot)>>);

#[derive(Clone, Debug)]
enum Op {
    Map { iova: u64, len: u64, user: u64, prot: Prot },
    Unmap { iova: u64, len: u64 },
}

const SPACE: u64 = 64;

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let prot = (any::<bool>(), any::<bool>(), any::<bool>());
    let prot = prot.prop_map(|(read, write, exec)| Prot { read, write, exec });
    let op = prop_oneof![
        (0..SPACE, 1..16u64, 0..1000u64, prot).prop_map(|(iova, len, user, prot)| Op::Map {
            iova,
            len: len.min(SPACE - iova),
            user,
            prot
        }),
        (0..SPACE, 1..32u64).prop_map(|(iova, len)| Op::Unmap { iova, len: len.min(SPACE - iova) }),
    ];
    proptest::collection::vec(op, 1..60)
}

impl Naive {
    fn range(&mut self, iova: u64, len: u64) -> &mut [Option<(u64, Prot)>] {
        &mut self.0[iova as usize..(iova + len) as usize]
    }

    fn map(&mut self, iova: u64, len: u64, user: u64, prot: Prot) -> bool {
        let range = self.range(iova, len);
        if range.iter().any(Option::is_some) {
            return false;
        }
        range.iter_mut().zip(user..).for_each(|(byte, user)| *byte = Some((user, prot)));
        true
    }

    fn unmap(&mut self, iova: u64, len: u64) -> u64 {
        self.range(iova, len).iter_mut().map(|byte| u64::from(byte.take().is_some())).sum()
    }

    fn translate(&self, iova: u64, access: Access) -> Result<u64, FaultReason> {
        let (user, prot) = self.0[iova as usize].ok_or(FaultReason::NotMapped)?;
        if prot.allows(access) { Ok(user) } else { Err(FaultReason::NotAllowed) }
    }
}

proptest! {
    #[test]
    fn it_agrees_with_a_list_of_bytes(ops in ops()) {
        let memory = Memory::new(Vec::new());
        let (mut table, mut naive) = (Table::default(), Naive(vec![None; SPACE as usize]));
        for op in ops {
            match op {
                Op::Map { iova, len, user, prot } => {
                    let mapped = table.map(Iova(iova), Iova(iova + len - 1), prot, memory.clone(), UserAddr(user));
                    prop_assert_eq!(mapped.is_ok(), naive.map(iova, len, user, prot));
                }
                Op::Unmap { iova, len } => {
                    let gone = table.unmap(Iova(iova), Iova(iova + len - 1));
                    prop_assert_eq!(gone.bytes, naive.unmap(iova, len));
                }
            }
            for iova in 0..SPACE {
                for access in [Access::Read, Access::Write, Access::Execute] {
                    let run = table.translate(Iova(iova), access).map(|run| (run.at.0, run.len));
                    prop_assert_eq!(run.map(|(at, _)| at), naive.translate(iova, access));
                    if let Ok((at, len)) = run {
                        let end = iova + len - 1;
                        prop_assert_eq!(naive.translate(end, access), Ok(at + len - 1));
                    }
                }
            }
        }
    }
}

#[test]
fn the_whole_space_is_a_range() {
    let mut table = Table::default();
    let backing: Arc<dyn Backing> = Memory::new(Vec::new());
    let (first, last) = (Iova(0), Iova(u64::MAX));
    table.map(first, last, Prot::READ_WRITE, backing.clone(), UserAddr(0)).unwrap();
    let in_the_way = table.map(last, last, Prot::READ_WRITE, backing, UserAddr(0));
    assert_eq!(in_the_way, Err(Overlap { iova: first, size: 0 }));
    assert_eq!(table.translate(last, Access::Read).map(|run| run.len), Ok(1));
    let gone = table.unmap(Iova(0x1000), Iova(0x1fff));
    assert_eq!(gone, Unmapped { bytes: 0x1000, mappings: 1, unused: 0 });
    assert_eq!(table.len(), 2);
    assert_eq!(table.translate(Iova(0x2000), Access::Read).map(|run| run.at), Ok(UserAddr(0x2000)));
    table.unmap(first, last);
    assert!(table.is_empty());
}

#[test]
fn mappings_nobody_used_are_counted() {
    let mut table = Table::default();
    let backing: Arc<dyn Backing> = Memory::new(Vec::new());
    for page in 0..3 {
        let at = page * 0x1000;
        table.map(Iova(at), Iova(at + 0xfff), Prot::READ_WRITE, backing.clone(), UserAddr(0)).unwrap();
    }
    table.translate(Iova(0x1800), Access::Write).map(|_| ()).unwrap();
    assert_eq!(table.iter().filter(|(_, _, used)| *used).count(), 1);
    assert_eq!(table.unmap(Iova(0), Iova(0x2fff)).unused, 2);
}
