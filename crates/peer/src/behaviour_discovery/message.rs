//! The messages as values: what a Binding request asks for, and what a response tells.

use bytes::Bytes;
use natbed_packet::Endpoint;
use stun::addr::MappedAddress;
use stun::attributes::{
    ATTR_CHANGE_REQUEST, ATTR_MAPPED_ADDRESS, ATTR_OTHER_ADDRESS, ATTR_PADDING,
    ATTR_RESPONSE_ORIGIN, ATTR_RESPONSE_PORT, ATTR_UNKNOWN_ATTRIBUTES, AttrType,
};
use stun::error_code::{CODE_BAD_REQUEST, CODE_UNKNOWN_ATTRIBUTE, ErrorCode};
use stun::message::{
    BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, Getter, Message, MessageType, Setter,
};
use stun::xoraddr::XorMappedAddress;

/// Pairs a response with its request (RFC 8489 section 5).
pub type TransactionId = [u8; 12];

/// Where a response is to come from, other than from where its request went (RFC 5780 section 7.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// From just there.
    #[default]
    None,
    /// From the server's other port.
    Port,
    /// From the server's other address.
    Address,
    /// From the server's other address and port.
    AddressAndPort,
}

/// What a Binding request asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BindingRequest {
    /// Where the response is to come from.
    pub change: Change,
    /// The port that the response is to go to, if not the one the request comes from (RFC 5780
    /// section 7.5).
    pub response_port: Option<u16>,
}

/// What a Binding success response tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindingResponse {
    /// XOR-MAPPED-ADDRESS: where the server saw the request come from.
    pub mapped: Endpoint,
    /// RESPONSE-ORIGIN: where the response was sent from.
    pub origin: Option<Endpoint>,
    /// OTHER-ADDRESS: where it comes from if both address and port are to change.
    pub other: Option<Endpoint>,
}

/// A message that was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    Request,
    Success(BindingResponse),
    Error,
}

/// A request as the server reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReceivedRequest {
    pub(super) transaction: TransactionId,
    pub(super) request: Result<ServedRequest, Refusal>,
}

/// A request that the server serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ServedRequest {
    pub(super) binding: BindingRequest,
    pub(super) is_padded: bool,
}

/// Why a request is answered with an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// 420: attributes that have to be understood and are not (RFC 8489 section 6.3.1).
    UnknownAttributes(Vec<u16>),
    /// 400: PADDING with RESPONSE-PORT (RFC 5780 section 6.1), or an attribute of a wrong length.
    BadRequest,
}

const CHANGE_ADDRESS: u8 = 0b100;
const CHANGE_PORT: u8 = 0b010;

/// Attributes that have to be understood and are, among them those of RFC 8489 that have no meaning
/// in a request without authentication.
const UNDERSTOOD: [AttrType; 13] = [
    ATTR_MAPPED_ADDRESS,
    ATTR_CHANGE_REQUEST,
    ATTR_PADDING,
    ATTR_RESPONSE_PORT,
    stun::attributes::ATTR_USERNAME,
    stun::attributes::ATTR_MESSAGE_INTEGRITY,
    stun::attributes::ATTR_MESSAGE_INTEGRITY_SHA256,
    stun::attributes::ATTR_ERROR_CODE,
    ATTR_UNKNOWN_ATTRIBUTES,
    stun::attributes::ATTR_REALM,
    stun::attributes::ATTR_NONCE,
    stun::attributes::ATTR_USER_HASH,
    stun::attributes::ATTR_XORMAPPED_ADDRESS,
];

/// The length of PADDING in a response: the usual MTU, a multiple of four as it has to be.
const PADDING: [u8; 1500] = [0; 1500];

/// Makes a message without attributes.
fn message(kind: MessageType, transaction: TransactionId) -> Message {
    let mut message = Message::new();
    message.typ = kind;
    message.transaction_id.0 = transaction;
    message.write_header();
    message
}

fn decode(bytes: &[u8]) -> Option<Message> {
    // The crate does not look at the two bits that are zero in every STUN message, nor at the last
    // two of the length (RFC 8489 section 5).
    let is_stun = stun::message::is_message(bytes) && bytes[0] & 0xc0 == 0 && bytes[3] & 3 == 0;
    if !is_stun {
        return None;
    }
    let mut message = Message::new();
    message.unmarshal_binary(bytes).ok()?;
    Some(message)
}

fn add_address(message: &mut Message, attribute: AttrType, Endpoint { ip, port }: Endpoint) {
    let added = MappedAddress { ip, port }.add_to_as(message, attribute);
    debug_assert!(added.is_ok(), "it has no error to give");
}

fn address(message: &Message, attribute: AttrType) -> Option<Endpoint> {
    let mut address = MappedAddress::default();
    address.get_from_as(message, attribute).ok()?;
    Some(Endpoint::new(address.ip, address.port))
}

/// Encodes a request.
pub(super) fn encode_request(transaction: TransactionId, request: BindingRequest) -> Bytes {
    let mut message = message(BINDING_REQUEST, transaction);
    let flags = match request.change {
        Change::None => 0,
        Change::Port => CHANGE_PORT,
        Change::Address => CHANGE_ADDRESS,
        Change::AddressAndPort => CHANGE_ADDRESS | CHANGE_PORT,
    };
    if flags != 0 {
        message.add(ATTR_CHANGE_REQUEST, &[0, 0, 0, flags]);
    }
    if let Some(port) = request.response_port {
        let [high, low] = port.to_be_bytes();
        message.add(ATTR_RESPONSE_PORT, &[high, low, 0, 0]);
    }
    message.raw.into()
}

/// Encodes a success response (RFC 5780 section 6.1).
pub(super) fn encode_success(
    transaction: TransactionId,
    response: BindingResponse,
    is_padded: bool,
) -> Bytes {
    let mut message = message(BINDING_SUCCESS, transaction);
    let Endpoint { ip, port } = response.mapped;
    add_address(&mut message, ATTR_MAPPED_ADDRESS, response.mapped);
    let added = XorMappedAddress { ip, port }.add_to(&mut message);
    debug_assert!(added.is_ok(), "it has no error to give");
    if let Some(origin) = response.origin {
        add_address(&mut message, ATTR_RESPONSE_ORIGIN, origin);
    }
    if let Some(other) = response.other {
        add_address(&mut message, ATTR_OTHER_ADDRESS, other);
    }
    if is_padded {
        message.add(ATTR_PADDING, &PADDING);
    }
    message.raw.into()
}

/// Encodes an error response.
pub(super) fn encode_error(transaction: TransactionId, refusal: &Refusal) -> Bytes {
    let mut message = message(BINDING_ERROR, transaction);
    let add = |message: &mut Message, code: ErrorCode| {
        let added = code.add_to(message);
        debug_assert!(added.is_ok(), "both codes have a default reason");
    };
    match refusal {
        Refusal::BadRequest => add(&mut message, CODE_BAD_REQUEST),
        Refusal::UnknownAttributes(unknown) => {
            add(&mut message, CODE_UNKNOWN_ATTRIBUTE);
            let list: Vec<u8> = unknown.iter().flat_map(|kind| kind.to_be_bytes()).collect();
            message.add(ATTR_UNKNOWN_ATTRIBUTES, &list);
        }
    }
    message.raw.into()
}

/// Decodes what a server gets; `None` for anything but a Binding request, which it ignores.
pub(super) fn decode_request(bytes: &[u8]) -> Option<ReceivedRequest> {
    let message = decode(bytes)?;
    (message.typ == BINDING_REQUEST).then(|| ReceivedRequest {
        transaction: message.transaction_id.0,
        request: read_request(&message),
    })
}

fn read_request(message: &Message) -> Result<ServedRequest, Refusal> {
    let unknown: Vec<u16> = message
        .attributes
        .0
        .iter()
        .filter(|attribute| attribute.typ.required() && !UNDERSTOOD.contains(&attribute.typ))
        .map(|attribute| attribute.typ.value())
        .collect();
    if !unknown.is_empty() {
        return Err(Refusal::UnknownAttributes(unknown));
    }
    let value = |attribute| match message.get(attribute) {
        Ok(value) => <[u8; 4]>::try_from(&value[..]).map(Some).map_err(|_| Refusal::BadRequest),
        Err(_) => Ok(None),
    };
    let flags = value(ATTR_CHANGE_REQUEST)?.map_or(0, |[.., flags]| flags);
    let change = match (flags & CHANGE_ADDRESS != 0, flags & CHANGE_PORT != 0) {
        (false, false) => Change::None,
        (false, true) => Change::Port,
        (true, false) => Change::Address,
        (true, true) => Change::AddressAndPort,
    };
    let port = value(ATTR_RESPONSE_PORT)?;
    let response_port = port.map(|[high, low, ..]| u16::from_be_bytes([high, low]));
    let is_padded = message.contains(ATTR_PADDING);
    if is_padded && response_port.is_some() {
        return Err(Refusal::BadRequest);
    }
    Ok(ServedRequest { binding: BindingRequest { change, response_port }, is_padded })
}

/// Decodes what a client gets; `None` for anything but a Binding message.
pub(super) fn decode_incoming(bytes: &[u8]) -> Option<(TransactionId, Incoming)> {
    let message = decode(bytes)?;
    let incoming = match message.typ {
        BINDING_REQUEST => Incoming::Request,
        BINDING_ERROR => Incoming::Error,
        BINDING_SUCCESS => {
            let mut mapped = XorMappedAddress::default();
            mapped.get_from(&message).ok()?;
            Incoming::Success(BindingResponse {
                mapped: Endpoint::new(mapped.ip, mapped.port),
                origin: address(&message, ATTR_RESPONSE_ORIGIN),
                other: address(&message, ATTR_OTHER_ADDRESS),
            })
        }
        _ => return None,
    };
    Some((message.transaction_id.0, incoming))
}
