//! A stopped thread's vector registers as emulation wants them, and back.

use uvfio_sys::ptrace::{Component, XState};

use crate::sandbox::emulate::Vectors;

/// How a component's bytes lie in the registers: those of one register, from which register on, and from which byte on.
struct Layout {
    component: Component,
    bytes: usize,
    first: usize,
    from: usize,
}

const LAYOUT: [Layout; 4] = [
    Layout { component: Component::Sse, bytes: 16, first: 0, from: 0 },
    Layout { component: Component::Avx, bytes: 16, first: 0, from: 16 },
    Layout { component: Component::UpperZmm, bytes: 32, first: 0, from: 32 },
    Layout { component: Component::HighZmm, bytes: 64, first: 16, from: 0 },
];

/// The vector registers in a thread's state.
#[must_use]
pub fn vectors(state: &XState) -> Vectors {
    let mut vectors = Vectors::default();
    for layout in &LAYOUT {
        let Some(bytes) = state.get(layout.component) else { continue };
        for (bytes, register) in bytes.chunks_exact(layout.bytes).zip(&mut vectors.zmm[layout.first..]) {
            register[layout.from..][..layout.bytes].copy_from_slice(bytes);
        }
    }
    if let Some(bytes) = state.get(Component::Masks) {
        for (bytes, mask) in bytes.as_chunks().0.iter().zip(&mut vectors.mask) {
            *mask = u64::from_le_bytes(*bytes);
        }
    }
    vectors
}

/// Put vector registers into a thread's state. What is as before is not touched, so that it stays in its initial state.
pub fn set_vectors(state: &mut XState, new: &Vectors) {
    let old = vectors(state);
    for layout in &LAYOUT {
        let part = |vectors: &Vectors, n: usize| {
            let mut bytes = [0; 64];
            bytes[..layout.bytes]
                .copy_from_slice(&vectors.zmm[layout.first + n][layout.from..][..layout.bytes]);
            bytes
        };
        if (0..16).all(|n| part(&old, n) == part(new, n)) {
            continue;
        }
        let Some(bytes) = state.get_mut(layout.component) else { continue };
        for (n, bytes) in bytes.chunks_exact_mut(layout.bytes).enumerate().take(16) {
            bytes.copy_from_slice(&part(new, n)[..layout.bytes]);
        }
    }
    if old.mask != new.mask
        && let Some(bytes) = state.get_mut(Component::Masks)
    {
        for (bytes, mask) in bytes.as_chunks_mut().0.iter_mut().zip(new.mask) {
            *bytes = mask.to_le_bytes();
        }
    }
}
