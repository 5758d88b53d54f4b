//! DMA while mappings and domains change.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shuttle::thread;

use uvfio_kernel::addr::{Iova, UserAddr};
use uvfio_kernel::hw::{Access, Backing, Dma, MemoryGone};
use uvfio_kernel::iommu::{
    Aperture, DmaPort, Domain, Group, GroupId, Iommu, IommuFacts, MemberFacts, Owner, Prot,
};

const PAGE: u64 = 0x1000;

/// Memory that must not be touched once it is taken away.
#[derive(Default)]
struct Memory {
    taken: AtomicBool,
}

impl Memory {
    /// An access takes time: others may run in the middle of it.
    fn touch(&self) {
        assert!(!self.taken.load(Ordering::SeqCst), "an access began after the memory was taken away");
        thread::yield_now();
        assert!(!self.taken.load(Ordering::SeqCst), "the memory was taken away in the middle of an access");
    }

    fn take(&self) {
        self.taken.store(true, Ordering::SeqCst);
    }

    fn give(&self) {
        self.taken.store(false, Ordering::SeqCst);
    }
}

impl Backing for Memory {
    fn read(&self, _: UserAddr, _: &mut [u8]) -> Result<(), MemoryGone> {
        self.touch();
        Ok(())
    }

    fn write(&self, _: UserAddr, _: &[u8]) -> Result<(), MemoryGone> {
        self.touch();
        Ok(())
    }

    fn copy(
        &self,
        _: UserAddr,
        _: &dyn Backing,
        _: UserAddr,
        _: u64,
    ) -> Result<(), (u64, MemoryGone, Access)> {
        self.touch();
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn iommu() -> Arc<Iommu> {
    let aperture = Aperture { first: Iova(0), last: Iova(u64::MAX) };
    Iommu::new("/smmu", IommuFacts { page_sizes: PAGE, aperture, reserved: Vec::new() })
}

/// A domain with a page of memory at 0.
fn domain(iommu: &Arc<Iommu>) -> (Arc<Domain>, Arc<Memory>) {
    let (domain, memory) = (Domain::paging(iommu.clone()), Arc::new(Memory::default()));
    map(&domain, &memory);
    (domain, memory)
}

fn map(domain: &Domain, memory: &Arc<Memory>) {
    domain
        .map(Iova(0), PAGE, Prot::READ_WRITE, memory.clone(), UserAddr(0))
        .expect("nothing is mapped there");
}

/// A device that reads, writes and copies on a thread of its own.
fn device(port: &Arc<DmaPort>) -> thread::JoinHandle<()> {
    let port = port.clone();
    thread::spawn(move || {
        for _ in 0..2 {
            let _ = port.write(Iova(8), &[1, 2]);
            let _ = port.read(Iova(16), &mut [0; 4]);
            let _ = port.copy(Iova(0), Iova(512), 64, 4);
        }
    })
}

fn join(threads: impl IntoIterator<Item = thread::JoinHandle<()>>) {
    threads.into_iter().for_each(|thread| thread.join().expect("the device does not panic"));
}

#[test]
fn no_access_after_an_unmap() {
    crate::check(unmap);
}

fn unmap() {
    let (domain, memory) = domain(&iommu());
    let port = DmaPort::new("dma", domain.clone());
    let devices = [device(&port), device(&port)];
    for _ in 0..2 {
        domain.unmap(Iova(0), PAGE);
        memory.take();
        thread::yield_now();
        memory.give();
        map(&domain, &memory);
    }
    join(devices);
}

#[test]
fn no_access_while_a_port_is_held() {
    crate::check(hold);
}

fn hold() {
    let (domain, memory) = domain(&iommu());
    let port = DmaPort::new("dma", domain);
    let device = device(&port);
    let (first, second) = (port.hold(), port.hold());
    memory.take();
    drop(first);
    thread::yield_now();
    memory.give();
    drop(second);
    join([device]);
    assert!(port.write(Iova(0), &[1]).is_ok());
}

#[test]
fn no_access_through_a_former_domain() {
    crate::check(attach);
}

fn attach() {
    let iommu = iommu();
    let ((former, memory), (next, _)) = (domain(&iommu), domain(&iommu));
    let port = DmaPort::new("dma", former);
    let device = device(&port);
    let other = {
        let (port, next) = (port.clone(), next.clone());
        thread::spawn(move || port.attach(&next))
    };
    port.attach(&next);
    memory.take();
    join([device, other]);
}

#[test]
fn no_access_through_the_hosts_domain_after_a_claim() {
    crate::check(claim);
}

fn claim() {
    let memory = Arc::new(Memory::default());
    let host = Domain::direct(Some(memory.clone()));
    let group = Group::new(GroupId(0), iommu(), host.clone());
    let port = DmaPort::new("dma", host);
    group.add(port.clone(), MemberFacts::default());
    let device = device(&port);
    group.claim(Owner(1)).expect("nobody has it");
    memory.take();
    let (own, _) = domain(group.iommu());
    group.attach(Owner(1), &own).expect("it is ours");
    thread::yield_now();
    memory.give();
    group.release(Owner(1)).expect("it is ours");
    join([device]);
}
