//! Handles of the parts of a network.

use std::fmt;

macro_rules! id {
    ($(#[doc = $doc:literal])+ $name:ident) => {
        $(#[doc = $doc])+
        ///
        /// Numbered from zero in the order of creation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(crate) u32);

        impl $name {
            /// Returns the number of the handle, for tables indexed by it.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A host.
    HostId
}
id! {
    /// A LAN segment.
    LanId
}
id! {
    /// A gateway: a router with an inside and an outside, with or without a NAT.
    RouterId
}
id! {
    /// One direction of a link.
    PipeId
}
id! {
    /// A link: two pipes, one in each direction.
    LinkId
}

impl LinkId {
    /// The pipe from the host or gateway toward the LAN or the core.
    #[must_use]
    pub const fn up(self) -> PipeId {
        PipeId(self.0 * 2)
    }

    /// The pipe from the LAN or the core toward the host or gateway.
    #[must_use]
    pub const fn down(self) -> PipeId {
        PipeId(self.0 * 2 + 1)
    }
}

impl PipeId {
    /// The link that this pipe is a direction of.
    #[must_use]
    pub const fn link(self) -> LinkId {
        LinkId(self.0 / 2)
    }

    /// Says whether the pipe leads from a host or gateway toward a LAN or the core.
    #[must_use]
    pub const fn is_up(self) -> bool {
        self.0.is_multiple_of(2)
    }
}

/// Where in the network a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// At a host.
    Host(HostId),
    /// On a LAN segment, having come from the given link.
    Lan(LanId, LinkId),
    /// At the inside of a gateway.
    RouterInside(RouterId),
    /// At the outside of a gateway.
    RouterOutside(RouterId),
    /// At the Internet core, having come from the given link.
    Core(LinkId),
}

impl Place {
    /// Returns the gateway whose place it is.
    #[must_use]
    pub const fn router(self) -> Option<RouterId> {
        match self {
            Self::RouterInside(id) | Self::RouterOutside(id) => Some(id),
            Self::Host(_) | Self::Lan(..) | Self::Core(_) => None,
        }
    }
}
