//! What a scenario file may ask for at most; each limit is an error when passed, never a cut.

use natbed_units::{ByteCount, Rate, SimDuration};

/// The most bytes in a file.
pub const MAX_FILE_BYTES: usize = 1 << 20;
/// The most collections inside one another.
pub const MAX_DEPTH: usize = 32;
/// The most values and keys in a file, counted after its aliases are expanded.
pub const MAX_NODES: usize = 200_000;
/// The most values and keys in a case once its entries are copied.
pub const MAX_COPIED_NODES: usize = 2_000_000;
/// The most copies of one entry.
pub const MAX_COPIES: u32 = 20_000;
/// The most values and keys in all cases together; loading checks every case.
pub const MAX_CASE_NODES: usize = 20_000_000;
/// The most errors that are collected; further ones show once these are mended.
pub const MAX_PROBLEMS: usize = 1_000;
/// The most errors that are printed.
pub const MAX_PRINTED: usize = 100;

/// The most characters in a name.
pub const MAX_NAME_CHARS: usize = 64;
/// The most LANs.
pub const MAX_LANS: usize = 20_000;
/// The most hosts.
pub const MAX_HOSTS: usize = 20_000;
/// The most sessions.
pub const MAX_SESSIONS: usize = 1_000;
/// The most STUN and the most TURN servers of a session.
pub const MAX_SERVERS: usize = 64;
/// The most nodes of a swarm.
pub const MAX_SWARM: u32 = 5_000;
/// The fewest nodes of a swarm: one has nobody to talk to.
pub const MIN_SWARM: u32 = 2;
/// The most hosts that a node of the DHT begins from.
pub const MAX_BOOTSTRAP: usize = 64;
/// The most hosts that find each other with nodes; each has an identity of its own.
pub const MAX_DHT_PEERS: usize = 32;
/// The most users of a TURN service.
pub const MAX_USERS: usize = 1_000;
/// The most outside addresses of a gateway.
pub const MAX_EXTERNALS: usize = 256;
/// The most interfaces of a host.
pub const MAX_INTERFACES: usize = 8;
/// The most profiles of a user's own in a file.
pub const MAX_PROFILES: usize = 1_000;
/// The most events.
pub const MAX_EVENTS: usize = 10_000;
/// The most axes of a matrix.
pub const MAX_AXES: usize = 8;
/// The most cases of a matrix.
pub const MAX_CASES: usize = 20_000;
/// The most seeds.
pub const MAX_SEEDS: u64 = 100_000;

/// The longest virtual time a run may take.
pub const MAX_HORIZON: SimDuration = SimDuration::from_secs(24 * 3600);
/// The longest delay of a link.
pub const MAX_DELAY: SimDuration = SimDuration::from_secs(60);
/// The longest idle timer of a NAT or a firewall.
pub const MAX_TIMER: SimDuration = SimDuration::from_secs(100 * 24 * 3600);
/// The highest rate of a link.
pub const MAX_RATE: Rate = Rate::from_bits_per_second(1_000_000_000_000);
/// The smallest queue: one full packet.
pub const MIN_QUEUE: ByteCount = ByteCount::new(1_500);
/// The largest queue.
pub const MAX_QUEUE: ByteCount = ByteCount::new(1_000_000_000);
/// The smallest MTU of a link that carries IPv4 (RFC 791) and of one that carries IPv6 (RFC 8200).
pub const MIN_MTU: [u16; 2] = [68, 1_280];
/// The largest MTU.
pub const MAX_MTU: u16 = u16::MAX;
/// The most flows a NAT may keep.
pub const MAX_FLOWS: u32 = 16_777_216;
/// The ports that blocks are made of: all from 1024 on.
pub const BLOCK_PORTS: u32 = 64_512;
/// The highest rate of packets that a firewall may be limited to, in one second.
pub const MAX_PACKET_RATE: u32 = 1_000_000_000;
/// The most echoes of one session.
pub const MAX_ECHOES: u32 = 1_000_000;
/// The smallest echo payload.
pub const MIN_ECHO: ByteCount = ByteCount::new(32);
/// The largest echo payload; it fits one packet on every path.
pub const MAX_ECHO: ByteCount = ByteCount::new(1_200);
/// The most loads of one session.
pub const MAX_LOADS: usize = 32;
/// The most bytes that a transfer may be asked for.
pub const MAX_TRANSFER: ByteCount = ByteCount::new(1_000_000_000_000);
/// The most streams that a transfer may be spread over.
pub const MAX_STREAMS: u32 = 256;
/// The smallest window of a transfer: a few packets.
pub const MIN_WINDOW: ByteCount = ByteCount::new(8_000);
/// The largest window of a transfer.
pub const MAX_WINDOW: ByteCount = ByteCount::new(64_000_000);
/// The smallest datagram of a load; it holds what tells one from another.
pub const MIN_DATAGRAM: ByteCount = ByteCount::new(32);
/// The largest datagram of a load; it fits one packet on every path.
pub const MAX_DATAGRAM: ByteCount = ByteCount::new(1_200);
/// The most datagrams that each sender of a load may be asked for.
pub const MAX_DATAGRAMS: u64 = 50_000_000;
/// The most samples of what arrived that a load may take.
pub const MAX_SAMPLES: u64 = 100_000;
/// A full packet where no MTU is given, in bytes: what Ethernet carries.
pub const FULL_PACKET: u64 = 1_500;
/// The most packets that a queue may hold.
pub const MAX_QUEUE_PACKETS: u32 = 10_000_000;
/// The most steps of a schedule of rates.
pub const MAX_STEPS: usize = 10_000;
/// The longest pattern of losses, and the most numbers of lost packets.
pub const MAX_LOSSES: usize = 100_000;
/// The most files of traces that a document names.
pub const MAX_TRACES: usize = 100;
