// What Rust calls. Every function returns NATBED_OK or leaves a text in the node's error; none
// throws. The declarations in src/ffi.rs follow this file.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct natbed_core natbed_core;

// After NATBED_FAILED the node is only to be freed.
enum { NATBED_OK = 0, NATBED_FAILED = 1, NATBED_NOT_A_VALUE = 2 };

// An address; IPv4 takes the first four bytes.
typedef struct {
    uint8_t ip[16];
    uint16_t port;
    uint8_t is_ipv6;
} natbed_address;

typedef struct {
    uint8_t id[20];
    uint32_t network;
    uint64_t entropy;
    // What the clocks show at the start of the run, in nanoseconds.
    int64_t steady_start_ns;
    int64_t system_start_ns;
    uint16_t port;
    uint8_t has_ipv4;
    uint8_t has_ipv6;
} natbed_config;

enum { NATBED_VALUE = 1, NATBED_GONE = 2, NATBED_FINISHED = 3 };

typedef struct {
    uint32_t kind;
    uint8_t is_ok;
    uint64_t operation;
    uint64_t value;
    // Valid until the next call for the same node.
    const uint8_t* data;
    size_t length;
} natbed_event;

typedef struct {
    uint64_t now_ns;
    // When the node wants to be called again, UINT64_MAX for never.
    uint64_t next_ns;
} natbed_times;

const char* natbed_core_symbol_not_taken_over(void);

natbed_core* natbed_core_new(const natbed_config*, natbed_times*, char* error, size_t error_length);
void natbed_core_free(natbed_core*);
const char* natbed_core_error(const natbed_core*);

// `from` is null for a timeout.
int natbed_core_handle(natbed_core*, natbed_times*, const natbed_address* from,
    const uint8_t* datagram, size_t length);
int natbed_core_insert(natbed_core*, natbed_times*, const uint8_t id[20], const natbed_address*);
int natbed_core_ping(natbed_core*, natbed_times*, const natbed_address*);
int natbed_core_bootstrap(natbed_core*, natbed_times*, const natbed_address*, size_t count);
int natbed_core_connectivity_changed(natbed_core*, natbed_times*);

int natbed_core_get(natbed_core*, natbed_times*, const uint8_t key[20], uint64_t operation);
// `value` gets the identifier of the value.
int natbed_core_put(natbed_core*, natbed_times*, const uint8_t key[20], uint64_t operation,
    const uint8_t* packed, size_t length, int is_permanent, uint64_t* value);
// `token` gets what cancel_listen wants.
int natbed_core_listen(natbed_core*, natbed_times*, const uint8_t key[20], uint64_t operation,
    uint64_t* token);
int natbed_core_cancel_put(natbed_core*, natbed_times*, const uint8_t key[20], uint64_t value);
int natbed_core_cancel_listen(natbed_core*, natbed_times*, const uint8_t key[20], uint64_t token);

// Returns 1 if there was one. What `data` points to is valid until the next call for the node.
int natbed_core_poll_transmit(natbed_core*, natbed_address* to, const uint8_t** data, size_t* length);
int natbed_core_poll_event(natbed_core*, natbed_event*);

// 0 disconnected, 1 connecting, 2 connected.
int natbed_core_status(const natbed_core*);
// Datagrams that were kept from the node because what it does with them is undefined.
uint64_t natbed_core_undefined(const natbed_core*);
// Bytes of memory that the node has come to use.
size_t natbed_core_memory(const natbed_core*);
// Nodes in the tables that are good, and that are doubtful.
int natbed_core_known(natbed_core*, natbed_times*, uint32_t* good, uint32_t* doubtful);

#ifdef __cplusplus
}
#endif
