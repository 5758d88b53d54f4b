//! The memory behind a mapping taken away and given back (`VFIO_UPDATE_VADDR`).

use crate::raw::{MAP_VADDR, PAGE, UNMAP_GET_DIRTY, UNMAP_VADDR};
use crate::type1::{IOVA, Type1};

/// The cases `vaddr.*`.
pub fn ask(type1: &Type1) {
    let va = type1.memory.address;
    type1.say("vaddr.map", type1.map_rw(IOVA, 4 * PAGE));
    type1.say_unmap("vaddr.unmap_vaddr_partial", UNMAP_VADDR, IOVA, PAGE);
    type1.say_unmap("vaddr.unmap_vaddr", UNMAP_VADDR, IOVA, 4 * PAGE);
    type1.say_unmap("vaddr.unmap_vaddr_twice", UNMAP_VADDR, IOVA, 4 * PAGE);
    type1.say("vaddr.map_other_while_invalid", type1.map_rw(IOVA + 16 * PAGE, PAGE));
    type1.say("vaddr.map_vaddr_wrongsize", type1.map(MAP_VADDR, va, IOVA, 2 * PAGE));
    type1.say("vaddr.map_vaddr", type1.map(MAP_VADDR, va, IOVA, 4 * PAGE));
    type1.say("vaddr.map_vaddr_again", type1.map(MAP_VADDR, va, IOVA, 4 * PAGE));
    type1.say_unmap("vaddr.unmap_dirty_and_vaddr", UNMAP_VADDR | UNMAP_GET_DIRTY, IOVA, 4 * PAGE);
    type1.unmap_all();
}
