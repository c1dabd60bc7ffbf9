//! A TUN device (Linux): a network device whose packets a program reads and writes.

use std::time::Duration;

/// Longer than any packet of a device whose MTU is left as it is.
pub(crate) const PACKET_BYTES_MAX: usize = 65_536;
/// Before a device that is not up is asked again.
pub(crate) const PAUSE: Duration = Duration::from_millis(10);

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::Tun;
#[cfg(target_os = "linux")]
pub(crate) use linux::Tun;

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::{File, OpenOptions};
    use std::io::{self, Read, Write};

    use anyhow::{Context, ensure};
    use rustix::ioctl::{Opcode, Setter, ioctl, opcode};

    const NAME_BYTES: usize = 16;
    /// `TUNSETIFF`, `IFF_TUN` and `IFF_NO_PI` of <linux/if_tun.h>.
    const TUNSETIFF: Opcode = opcode::write::<i32>(b'T', 202);
    const IFF_TUN: u16 = 0x0001;
    const IFF_NO_PI: u16 = 0x1000;

    /// `struct ifreq` of <linux/if.h>, with the member of its union that TUNSETIFF reads.
    #[repr(C)]
    struct InterfaceRequest {
        name: [u8; NAME_BYTES],
        flags: u16,
        rest: [u8; 22],
    }

    /// Vanishes when it is dropped.
    pub(crate) struct Tun(File);

    impl Tun {
        /// Makes the device, in the namespace of this process.
        pub(crate) fn open(name: &str) -> anyhow::Result<Self> {
            ensure!(!name.is_empty() && name.len() < NAME_BYTES, "{name}: a device's name has 1 to 15 bytes");
            let file = OpenOptions::new().read(true).write(true).open("/dev/net/tun");
            let file = file.context("failed to open /dev/net/tun: load the module (modprobe tun), and run this as root")?;
            let mut request = InterfaceRequest { name: [0; NAME_BYTES], flags: IFF_TUN | IFF_NO_PI, rest: [0; 22] };
            request.name[..name.len()].copy_from_slice(name.as_bytes());
            // SAFETY: the kernel reads (and may write back) one `struct ifreq`, of which `InterfaceRequest` has size and layout, and
            // keeps no pointer to it.
            let made = unsafe { ioctl(&file, Setter::<TUNSETIFF, InterfaceRequest>::new(request)) };
            made.with_context(|| format!("failed to make the device {name}: run this as root (CAP_NET_ADMIN)"))?;
            Ok(Self(file))
        }

        /// A whole packet.
        pub(crate) fn read(&self, packet: &mut [u8]) -> io::Result<usize> {
            (&self.0).read(packet)
        }

        pub(crate) fn write(&self, packet: &[u8]) -> io::Result<usize> {
            (&self.0).write(packet)
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::io;

    pub(crate) enum Tun {}

    impl Tun {
        pub(crate) fn open(_name: &str) -> anyhow::Result<Self> {
            anyhow::bail!("links are made of Linux's TUN devices: run this on Linux")
        }
        pub(crate) fn read(&self, _packet: &mut [u8]) -> io::Result<usize> {
            match *self {}
        }
        pub(crate) fn write(&self, _packet: &[u8]) -> io::Result<usize> {
            match *self {}
        }
    }
}
