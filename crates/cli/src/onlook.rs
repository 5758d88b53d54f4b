//! Who is told what no call of VFIO shows: the trace where there is one, and stderr of what keeps a program from working.

use std::sync::Arc;

use uvfio_doors::sandbox::{NotPerformed, Onlooker, Write};

use crate::trace::Trace;
use crate::{explain, output};

/// Passes on what a trace wants to see, and complains by itself.
pub struct Onlook {
    /// Where writes to sysfs are traced.
    pub trace: Option<Arc<Trace>>,
}

impl Onlooker for Onlook {
    fn wrote(&self, write: &Write<'_>) {
        if let Some(trace) = &self.trace {
            trace.wrote(write);
        }
    }

    fn not_performed(&self, access: &NotPerformed) {
        let pid = access.pid.map_or_else(|| "-".to_owned(), |pid| pid.0.to_string());
        output::complain(&format!("[{pid}] {}", explain::access(access)));
    }
}
