//! The VFIO files that programs hold, each behind a FUSE node of its own.
//!
//! FUSE tells by node what a call is about, and `stat` tells by inode number what a descriptor stands for; so each open file gets a
//! node that no other open file ever has. A node is named (looked up, not yet opened), then open, then gone.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use uvfio_kernel::hw::Width;
use uvfio_vfio::file::{File, Node};

use super::registers::RegisterFiles;

/// The first number of such a node; those below are fixed places of the tree.
pub const FIRST: u64 = 1 << 40;

/// An open file.
pub struct OpenFile {
    /// Its node.
    pub node: u64,
    /// VFIO's side of it.
    pub file: File,
    life: RwLock<Life>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Open,
    Over,
}

/// A call that is under way.
pub struct Call<'a> {
    _life: RwLockReadGuard<'a, Life>,
}

impl OpenFile {
    fn new(node: u64, file: File) -> Arc<Self> {
        Arc::new(Self { node, file, life: RwLock::new(Life::Open) })
    }

    /// A call on the file begins; it is not released before the value is dropped. In Linux a call has a reference of its own. Here its
    /// thread can be killed while it is served, and takes the last reference with it. `None` where that has happened already.
    ///
    /// Whoever has one must not wait for releases.
    pub fn call(&self) -> Option<Call<'_>> {
        let life = self.life.read().unwrap_or_else(PoisonError::into_inner);
        (*life == Life::Open).then_some(Call { _life: life })
    }

    /// The last reference is gone: once no call is under way, and before another could begin, VFIO lets go of the file.
    pub fn release(&self) {
        *self.life.write().unwrap_or_else(PoisonError::into_inner) = Life::Over;
        self.file.release();
    }
}

enum Slot {
    Named(Node),
    Ready(File),
    Open(Arc<OpenFile>),
}

/// What a node stands for when it is opened.
pub enum Opening {
    /// This name of `/dev/vfio`.
    Named(Node),
    /// A file that VFIO has made already.
    Ready(File),
    /// It is open: the name must be looked up again.
    Taken,
    /// There is no such node.
    Unknown,
}

/// All of them.
#[derive(Default)]
pub struct Files {
    state: Mutex<State>,
    changed: Condvar,
    closes: AtomicU64,
    /// What `closes` was when every release before it was known to be done.
    settled: AtomicU64,
}

#[derive(Default)]
struct State {
    slots: HashMap<u64, Slot>,
    given: u64,
    open: usize,
    releasing: usize,
}

impl State {
    fn new_node(&mut self, slot: Slot) -> u64 {
        let node = FIRST + self.given;
        self.given += 1;
        self.slots.insert(node, slot);
        node
    }
}

impl Files {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often a descriptor of any of these files was closed so far. What a descriptor's number means holds until this changes.
    #[must_use]
    pub fn closes(&self) -> u64 {
        self.closes.load(Ordering::SeqCst)
    }

    /// A descriptor is being closed; the close has not returned yet.
    pub fn closed_one(&self) {
        self.closes.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether a descriptor was closed since [`Files::settled`], so that a release may be on its way that the program believes done.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        self.settled.load(Ordering::SeqCst) != self.closes()
    }

    /// Every release that was on its way when `closes` had this value is done.
    pub fn settled(&self, closes: u64) {
        self.settled.fetch_max(closes, Ordering::SeqCst);
    }

    /// A node for a name of `/dev/vfio`: each lookup gets its own, so that programs that open one name at the same time do not open
    /// one node. The kernel asks again when it finds the name changed, and tells when it has forgotten a node.
    pub fn look(&self, name: Node) -> u64 {
        self.state().new_node(Slot::Named(name))
    }

    /// A node for a file that VFIO made, to be opened once.
    pub fn place(&self, file: File) -> u64 {
        self.state().new_node(Slot::Ready(file))
    }

    /// Whether there is such a node.
    #[must_use]
    pub fn is_known(&self, node: u64) -> bool {
        self.state().slots.contains_key(&node)
    }

    /// Begin to open a node. A ready file is taken out: [`Files::opened`] puts it back.
    pub fn opening(&self, node: u64) -> Opening {
        let mut state = self.state();
        match state.slots.get(&node) {
            None => Opening::Unknown,
            Some(Slot::Open(_)) => Opening::Taken,
            Some(Slot::Named(name)) => Opening::Named(*name),
            Some(Slot::Ready(_)) => match state.slots.remove(&node) {
                Some(Slot::Ready(file)) => Opening::Ready(file),
                _ => Opening::Unknown,
            },
        }
    }

    /// The node is open now, as this file. `Err` gives the file back where somebody else opened the node first.
    pub fn opened(&self, node: u64, file: File) -> Result<Arc<OpenFile>, File> {
        let mut state = self.state();
        if let Some(Slot::Open(_)) = state.slots.get(&node) {
            return Err(file);
        }
        let open = OpenFile::new(node, file);
        state.slots.insert(node, Slot::Open(open.clone()));
        state.open += 1;
        Ok(open)
    }

    /// The open file at a node.
    #[must_use]
    pub fn get(&self, node: u64) -> Option<Arc<OpenFile>> {
        match self.state().slots.get(&node) {
            Some(Slot::Open(open)) => Some(open.clone()),
            _ => None,
        }
    }

    /// The kernel has forgotten a node: nobody can open it any more.
    pub fn forget(&self, node: u64) {
        let mut state = self.state();
        if let Some(Slot::Ready(_) | Slot::Named(_)) = state.slots.get(&node) {
            state.slots.remove(&node);
        }
    }

    /// A release has arrived. Until the guard is dropped, [`Files::wait_for_releases`] waits.
    pub fn releasing(&self) -> Releasing<'_> {
        self.state().releasing += 1;
        Releasing { files: self }
    }

    /// The last reference to an open file is gone.
    pub fn released(&self, node: u64) -> Option<Arc<OpenFile>> {
        let mut state = self.state();
        match state.slots.remove(&node) {
            Some(Slot::Open(open)) => Some(open),
            Some(other) => {
                state.slots.insert(node, other);
                None
            }
            None => None,
        }
    }

    /// Whether any of these files is open.
    #[must_use]
    pub fn is_any_open(&self) -> bool {
        self.state().open > 0
    }

    /// Wait until every release that has arrived is done: an open that follows a close in a program's time does so here.
    pub fn wait_for_releases(&self) {
        let state = self.state();
        drop(
            self.changed
                .wait_while(state, |state| state.releasing > 0)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// Wait until no file is open, at most so long. Whether that came true.
    pub fn wait_until_closed(&self, limit: Duration) -> bool {
        let state = self.state();
        let (state, _) = self
            .changed
            .wait_timeout_while(state, limit, |state| state.open > 0)
            .unwrap_or_else(PoisonError::into_inner);
        state.open == 0
    }

    /// Take every file that is still open.
    #[must_use]
    pub fn take_all(&self) -> Vec<Arc<OpenFile>> {
        let mut state = self.state();
        state.open = 0;
        let slots = std::mem::take(&mut state.slots);
        slots
            .into_values()
            .filter_map(|slot| if let Slot::Open(open) = slot { Some(open) } else { None })
            .collect()
    }
}

/// The files as those whose mappings are registers.
pub struct Mapped {
    /// The device they are on, major and minor.
    pub device: (u32, u32),
    /// All of them.
    pub files: Arc<Files>,
}

impl RegisterFiles for Mapped {
    fn device(&self) -> (u32, u32) {
        self.device
    }

    fn has(&self, inode: u64) -> bool {
        self.files.get(inode).is_some_and(|open| matches!(open.file, File::Device(_)))
    }

    fn load(&self, inode: u64, offset: u64, width: Width) -> Option<u64> {
        let open = self.files.get(inode)?;
        let _call = open.call()?;
        open.file.load(offset, width).ok()
    }

    fn store(&self, inode: u64, offset: u64, width: Width, value: u64) -> Option<()> {
        let open = self.files.get(inode)?;
        let _call = open.call()?;
        open.file.store(offset, width, value).ok()
    }
}

/// A release under way.
pub struct Releasing<'a> {
    files: &'a Files,
}

impl Releasing<'_> {
    /// The file is released.
    pub fn done(self) {
        let mut state = self.files.state();
        state.open = state.open.saturating_sub(1);
    }
}

impl Drop for Releasing<'_> {
    fn drop(&mut self) {
        self.files.state().releasing -= 1;
        self.files.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lookup_of_a_name_has_a_node_until_it_is_forgotten() {
        let files = Files::default();
        let node = files.look(Node::Container);
        assert_ne!(files.look(Node::Container), node);
        assert!(matches!(files.opening(node), Opening::Named(Node::Container)));
        files.forget(node);
        assert!(matches!(files.opening(node), Opening::Unknown));
        assert!(files.get(node).is_none() && files.released(node).is_none());
    }

    #[test]
    fn an_open_waits_for_the_release_that_came_before_it() {
        let files = Arc::new(Files::default());
        let releasing = files.releasing();
        let (told, heard) = std::sync::mpsc::channel();
        let waiter = {
            let files = files.clone();
            std::thread::spawn(move || {
                files.wait_for_releases();
                told.send(()).expect("the test listens");
            })
        };
        assert!(heard.try_recv().is_err());
        drop(releasing);
        assert_eq!(heard.recv(), Ok(()));
        waiter.join().expect("the waiter does not panic");
    }

    #[test]
    fn it_is_unsettled_from_a_close_to_the_barrier_behind_it() {
        let files = Files::default();
        assert!(!files.is_unsettled());
        files.closed_one();
        let seen = files.closes();
        files.closed_one();
        files.settled(seen);
        assert!(files.is_unsettled());
        files.settled(files.closes());
        assert!(!files.is_unsettled());
    }
}
