//! The buffer between loads and stores that all channels share (ARM DDI 0424, section 2.9 and appendix B).
//!
//! It has lines as wide as the bus. A channel's data begins in the byte lane of its destination, so unaligned data takes a line
//! more; data of two channels never shares a line.

use std::collections::VecDeque;

/// What a channel has loaded and not stored yet.
#[derive(Default)]
struct Queue {
    bytes: VecDeque<u8>,
    /// Bytes of the first line in front of the first byte.
    lane: usize,
}

/// Whether there is room for a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// Now.
    Now,
    /// When other data has been stored.
    Later,
    /// Not even in an empty one.
    Never,
}

/// The buffer.
pub(super) struct Mfifo {
    lines: usize,
    width: usize,
    queues: Vec<Queue>,
}

impl Mfifo {
    /// One of `lines` lines of `width` bytes for `channels` channels.
    pub fn new(lines: usize, width: u32, channels: usize) -> Self {
        Self {
            lines,
            width: width as usize,
            queues: std::iter::repeat_with(Queue::default).take(channels).collect(),
        }
    }

    /// Is there room for `count` bytes that `channel` will store at `destination`?
    pub fn room(&self, channel: usize, count: u32, destination: u32) -> Room {
        let count = count as usize;
        let lane = |lane: usize, held: usize| (lane + held + count).div_ceil(self.width);
        let fresh = destination as usize % self.width;
        if lane(fresh, 0) > self.lines {
            return Room::Never;
        }
        let queue = &self.queues[channel];
        let first = if queue.bytes.is_empty() { fresh } else { queue.lane };
        let others: usize =
            (0..self.queues.len()).filter(|other| *other != channel).map(|other| self.used(other)).sum();
        if others + lane(first, queue.bytes.len()) <= self.lines { Room::Now } else { Room::Later }
    }

    /// Bytes that `channel` has loaded.
    pub fn held(&self, channel: usize) -> usize {
        self.queues[channel].bytes.len()
    }

    /// Put what was loaded. There was [`Room::Now`] for it.
    pub fn push(&mut self, channel: usize, bytes: &[u8], destination: u32) {
        let queue = &mut self.queues[channel];
        if queue.bytes.is_empty() {
            queue.lane = destination as usize % self.width;
        }
        queue.bytes.extend(bytes);
    }

    /// Take the oldest bytes of `channel`, as many as `into` has. It holds at least as many.
    pub fn pop(&mut self, channel: usize, into: &mut [u8]) {
        let queue = &mut self.queues[channel];
        let count = into.len().min(queue.bytes.len());
        for (slot, byte) in into.iter_mut().zip(queue.bytes.drain(..count)) {
            *slot = byte;
        }
        queue.lane = (queue.lane + count) % self.width;
    }

    /// Drop what `channel` has loaded.
    pub fn discard(&mut self, channel: usize) {
        self.queues[channel].bytes.clear();
    }

    fn used(&self, channel: usize) -> usize {
        let queue = &self.queues[channel];
        if queue.bytes.is_empty() { 0 } else { (queue.lane + queue.bytes.len()).div_ceil(self.width) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unaligned_data_takes_a_line_more() {
        let mut mfifo = Mfifo::new(4, 8, 2);
        assert_eq!(mfifo.room(0, 32, 0x100), Room::Now);
        assert_eq!(mfifo.room(0, 32, 0x101), Room::Never);
        mfifo.push(0, &[1; 8], 0x104);
        assert_eq!(mfifo.room(1, 16, 0), Room::Now);
        assert_eq!(mfifo.room(1, 17, 0), Room::Later);
        assert_eq!(mfifo.room(0, 20, 0), Room::Now, "its own lines are filled up");
        assert_eq!(mfifo.room(0, 21, 0), Room::Later);
    }

    #[test]
    fn bytes_come_out_in_the_order_they_went_in() {
        let mut mfifo = Mfifo::new(4, 8, 2);
        mfifo.push(0, &[1, 2, 3, 4], 0);
        mfifo.push(1, &[9; 8], 0);
        mfifo.push(0, &[5, 6], 0);
        let mut out = [0; 5];
        mfifo.pop(0, &mut out);
        assert_eq!((out, mfifo.held(0)), ([1, 2, 3, 4, 5], 1));
        mfifo.discard(1);
        assert_eq!(mfifo.held(1), 0);
        assert_eq!(mfifo.room(0, 26, 0), Room::Now);
    }
}
