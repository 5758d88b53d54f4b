//! VFIO as a whole: which nodes `/dev/vfio` has, opening them, and what to say at the end.
//!
//! In Linux this is the module state of `drivers/vfio/vfio_main.c` and `drivers/vfio/group.c`.

use std::sync::Arc;

use crate::caller::Caller;
use crate::file::{File, GroupId, Node};
use crate::observe::{Facts, Observer};
use crate::personality::Personality;
use crate::refusal::{OpenRefusal, Refusal};

/// How VFIO shall behave.
#[derive(Clone, Default)]
pub struct Options {
    /// The kernel whose answers to give.
    pub personality: Personality,
    /// Who wants to see every call.
    pub observer: Option<Arc<dyn Observer>>,
}

/// VFIO over one machine.
pub struct Vfio {
    options: Options,
}

impl Vfio {
    /// VFIO as the options say.
    #[must_use]
    pub fn new(options: Options) -> Arc<Self> {
        Arc::new(Self { options })
    }

    /// The kernel whose answers are given.
    #[must_use]
    pub fn personality(&self) -> &Personality {
        &self.options.personality
    }

    /// What `/dev/vfio` holds now, in order.
    #[must_use]
    pub fn nodes(&self) -> Vec<Node> {
        vec![Node::Container]
    }

    /// `open` of a node of `/dev/vfio`.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn open(&self, node: Node, caller: &dyn Caller) -> Result<File, Refusal> {
        let _ = caller;
        let group = match node {
            Node::Container => GroupId(0),
            Node::Group(group) | Node::NoiommuGroup(group) => group,
        };
        Err(OpenRefusal::NoGroup { group }.into())
    }

    /// What happened so far.
    #[must_use]
    pub fn facts(&self) -> Facts {
        Facts::default()
    }
}
