// Datagrams that the core must not see.
#pragma once

#include <cstddef>
#include <cstdint>

namespace natbed {

// Says whether what OpenDHT 2.4.12 does with a datagram is undefined: it would read memory that is
// not there, or that nobody has written to.
//
// Its parser takes for granted that a message and its body are maps, that an error is a list that
// is not empty, and that a transaction is four bytes. A program that hosts it cannot catch what
// follows, and a run that goes on does not repeat.
bool is_undefined(const uint8_t* datagram, std::size_t length);

} // namespace natbed
