// One dht::Dht in virtual time, behind plain C functions.
#include "shim.h"

#include <opendht/default_types.h>
#include <opendht/dht.h>
#include <opendht/network_utils.h>

#include <chrono>
#include <cstring>
#include <deque>
#include <memory>
#include <new>

#include "guard.hpp"
#include "heap.hpp"
#include "scope.hpp"

namespace {

using natbed::Heap;
using natbed::Scope;
using natbed::Surroundings;

dht::SockAddr socket_address(const natbed_address& from) {
    dht::SockAddr address;
    address.setFamily(from.is_ipv6 != 0 ? AF_INET6 : AF_INET);
    if (from.is_ipv6 != 0)
        std::memcpy(&address.getIPv6().sin6_addr, from.ip, 16);
    else
        std::memcpy(&address.getIPv4().sin_addr, from.ip, 4);
    address.setPort(from.port);
    return address;
}

natbed_address plain_address(const dht::SockAddr& from) {
    natbed_address address{};
    address.is_ipv6 = from.getFamily() == AF_INET6;
    if (address.is_ipv6 != 0)
        std::memcpy(address.ip, &from.getIPv6().sin6_addr, 16);
    else
        std::memcpy(address.ip, &from.getIPv4().sin_addr, 4);
    address.port = from.getPort();
    return address;
}

dht::SockAddr any_address(bool is_there, sa_family_t family, uint16_t port) {
    dht::SockAddr address;
    if (is_there) {
        address.setFamily(family);
        address.setAny();
        address.setPort(port);
    }
    return address;
}

struct Datagram {
    natbed_address to;
    dht::Blob bytes;
};

struct Event {
    natbed_event plain;
    dht::Blob bytes;
};

// The core's way to the network, and what it finds bootstrap hosts by.
class Socket final : public dht::net::DatagramSocket {
public:
    Socket(const natbed_config& config, std::deque<Datagram>& out)
        : out_(out)
        , bound4_(any_address(config.has_ipv4 != 0, AF_INET, config.port))
        , bound6_(any_address(config.has_ipv6 != 0, AF_INET6, config.port)) {}

    int sendTo(const dht::SockAddr& to, const uint8_t* data, size_t size, bool) override {
        const bool is_spoken = to.getFamily() == AF_INET6 ? hasIPv6() : hasIPv4();
        if (!is_spoken)
            return EAFNOSUPPORT;
        out_.push_back({plain_address(to), dht::Blob(data, data + size)});
        return 0;
    }
    bool hasIPv4() const override { return static_cast<bool>(bound4_); }
    bool hasIPv6() const override { return static_cast<bool>(bound6_); }
    const dht::SockAddr& getBoundRef(sa_family_t family) const override {
        return family == AF_INET6 ? bound6_ : bound4_;
    }
    // Bootstrap hosts are given as numbers; there are no names in here.
    std::vector<dht::SockAddr> resolve(const std::string& host, const std::string& port) override {
        dht::SockAddr address;
        address.setFamily(host.find(':') == std::string::npos ? AF_INET : AF_INET6);
        address.setAddress(host.c_str());
        address.setPort(static_cast<in_port_t>(std::stoul(port)));
        return {address};
    }
    void stop() override {}

private:
    std::deque<Datagram>& out_;
    dht::SockAddr bound4_;
    dht::SockAddr bound6_;
};

// Kinds of values have the lives that they have at a dhtnode or a Jami client. A later edition by
// the same owner replaces an earlier one, as there, but nobody checks signatures.
void register_types(dht::Dht& node) {
    const auto edit = [](dht::InfoHash, const dht::Sp<dht::Value>& before,
                          dht::Sp<dht::Value>& after, const dht::InfoHash&, const dht::SockAddr&) {
        return before->owner && after->owner && *before->owner == *after->owner
            && after->seq > before->seq;
    };
    const auto add = [&](dht::ValueType type) {
        type.storePolicy = dht::ValueType::DEFAULT_STORE_POLICY;
        type.editPolicy = edit;
        node.registerType(type);
    };
    add(dht::ValueType::USER_DATA);
    for (const auto& type : dht::DEFAULT_TYPES)
        add(type.get());
    for (const auto& type : dht::DEFAULT_INSECURE_TYPES)
        add(type.get());
    add(dht::ValueType(8, "Certificate", std::chrono::hours(24 * 7)));
}

} // namespace

struct natbed_core {
    Surroundings surroundings;
    int64_t steady_start_ns;
    int64_t system_start_ns;
    char error[256];
    uint64_t undefined;
    // All below is in the node's heap.
    std::deque<Datagram> out;
    std::deque<Event> events;
    Datagram last_datagram;
    Event last_event;
    std::unique_ptr<dht::Dht> node;

    void move_to(uint64_t now_ns) noexcept {
        surroundings.steady_ns = steady_start_ns + static_cast<int64_t>(now_ns);
        surroundings.system_ns = system_start_ns + static_cast<int64_t>(now_ns);
    }
    dht::time_point now() const {
        return dht::time_point(std::chrono::nanoseconds(surroundings.steady_ns));
    }
    void tell(uint32_t kind, uint64_t operation, uint64_t value, bool is_ok, dht::Blob bytes = {}) {
        natbed_event plain{};
        plain.kind = kind;
        plain.is_ok = is_ok;
        plain.operation = operation;
        plain.value = value;
        events.push_back({plain, std::move(bytes)});
    }
    void tell_values(
        uint64_t operation, const std::vector<dht::Sp<dht::Value>>& values, bool is_expired) {
        for (const auto& value : values) {
            if (is_expired)
                tell(NATBED_GONE, operation, value->id, true);
            else
                tell(NATBED_VALUE, operation, value->id, true, value->getPacked());
        }
    }
    dht::DoneCallback done(uint64_t operation) {
        return [this, operation](bool is_ok, const std::vector<dht::Sp<dht::Node>>&) {
            tell(NATBED_FINISHED, operation, 0, is_ok);
        };
    }
};

namespace {

void keep_text(char* to, size_t length, const char* text) noexcept {
    std::strncpy(to, text, length - 1);
    to[length - 1] = '\0';
}

// Calls `f` and keeps what it throws away from the caller.
template <class F>
int guarded(char* error, size_t error_length, F&& f) noexcept {
    try {
        f();
        return NATBED_OK;
    } catch (const std::bad_alloc&) {
        keep_text(error, error_length, "the node's memory is exhausted");
    } catch (const std::exception& thrown) {
        keep_text(error, error_length, thrown.what());
    } catch (...) {
        keep_text(error, error_length, "the core has thrown something unknown");
    }
    return NATBED_FAILED;
}

// Lets the core run, as DhtRunner's loop does: datagrams and timers, then its status, which starts
// and stops its bootstrap.
void run(natbed_core& core, natbed_times& times, const uint8_t* data, size_t length,
    dht::SockAddr from) {
    auto wake = core.node->periodic(data, length, std::move(from), core.now());
    const auto before = core.node->getStatus();
    core.node->updateStatus(AF_INET);
    core.node->updateStatus(AF_INET6);
    if (core.node->getStatus() != before)
        wake = core.node->periodic(nullptr, 0, dht::SockAddr(), core.now());
    if (wake == dht::time_point::max()) {
        times.next_ns = UINT64_MAX;
        return;
    }
    const int64_t ns = std::chrono::nanoseconds(wake.time_since_epoch()).count();
    times.next_ns = ns > core.steady_start_ns ? static_cast<uint64_t>(ns - core.steady_start_ns) : 0;
}

// Does something to a node at a time and lets it run.
template <class F>
int with(natbed_core* core, natbed_times* times, F&& f) noexcept {
    Scope scope(core->surroundings);
    core->move_to(times->now_ns);
    return guarded(core->error, sizeof core->error, [&] { f(*core->node); });
}

template <class F>
int with_and_run(natbed_core* core, natbed_times* times, F&& f) noexcept {
    return with(core, times, [&](dht::Dht& node) {
        f(node);
        run(*core, *times, nullptr, 0, dht::SockAddr());
    });
}

// Returns null for bytes that are no value.
dht::Sp<dht::Value> unpacked(const uint8_t* packed, size_t length) {
    try {
        const auto object = msgpack::unpack(reinterpret_cast<const char*>(packed), length);
        return std::make_shared<dht::Value>(object.get());
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception&) {
        return {};
    }
}

dht::InfoHash hash(const uint8_t bytes[20]) { return dht::InfoHash(bytes, 20); }

} // namespace

extern "C" {

const char* natbed_core_symbol_not_taken_over(void) {
    return natbed::first_symbol_not_taken_over();
}

natbed_core* natbed_core_new(
    const natbed_config* config, natbed_times* times, char* error, size_t error_length) {
    Heap* const heap = Heap::make();
    if (heap == nullptr) {
        keep_text(error, error_length, "no memory for another node");
        return nullptr;
    }
    Surroundings surroundings{heap, 0, 0, config->entropy};
    natbed_core* core = nullptr;
    const auto make = [&] {
        core = new natbed_core{};
        core->steady_start_ns = config->steady_start_ns;
        core->system_start_ns = config->system_start_ns;
        core->surroundings = surroundings;
        core->move_to(times->now_ns);
        // The clocks of the scope in force, until the node's own surroundings take over.
        surroundings.steady_ns = core->surroundings.steady_ns;
        surroundings.system_ns = core->surroundings.system_ns;
        dht::Config its;
        its.node_id = hash(config->id);
        its.network = config->network;
        core->node = std::make_unique<dht::Dht>(
            std::make_unique<Socket>(*config, core->out), its, dht::Sp<dht::Logger>{});
        register_types(*core->node);
        run(*core, *times, nullptr, 0, dht::SockAddr());
        core->surroundings.entropy = surroundings.entropy;
    };
    Scope scope(surroundings);
    if (guarded(error, error_length, make) == NATBED_OK)
        return core;
    // What was made of it is in the heap alone.
    Heap::destroy(heap);
    return nullptr;
}

void natbed_core_free(natbed_core* core) {
    Surroundings surroundings = core->surroundings;
    {
        Scope scope(surroundings);
        // The core throws nothing here; if it did, its memory goes all the same.
        char ignored[64];
        guarded(ignored, sizeof ignored, [&] { core->node.reset(); });
        guarded(ignored, sizeof ignored, [&] { delete core; });
    }
    Heap::destroy(surroundings.heap);
}

const char* natbed_core_error(const natbed_core* core) { return core->error; }

int natbed_core_handle(natbed_core* core, natbed_times* times, const natbed_address* from,
    const uint8_t* datagram, size_t length) {
    return with(core, times, [&](dht::Dht&) {
        if (from != nullptr && natbed::is_undefined(datagram, length))
            ++core->undefined;
        else if (from == nullptr)
            run(*core, *times, nullptr, 0, dht::SockAddr());
        else
            run(*core, *times, datagram, length, socket_address(*from));
    });
}

int natbed_core_insert(
    natbed_core* core, natbed_times* times, const uint8_t id[20], const natbed_address* address) {
    return with_and_run(core, times,
        [&](dht::Dht& node) { node.insertNode(hash(id), socket_address(*address)); });
}

int natbed_core_ping(natbed_core* core, natbed_times* times, const natbed_address* address) {
    return with_and_run(
        core, times, [&](dht::Dht& node) { node.pingNode(socket_address(*address)); });
}

int natbed_core_bootstrap(
    natbed_core* core, natbed_times* times, const natbed_address* addresses, size_t count) {
    return with_and_run(core, times, [&](dht::Dht& node) {
        node.clearBootstrap();
        for (const natbed_address* address = addresses; address != addresses + count; ++address) {
            char text[INET6_ADDRSTRLEN] = {};
            inet_ntop(address->is_ipv6 != 0 ? AF_INET6 : AF_INET, address->ip, text, sizeof text);
            node.addBootstrap(text, std::to_string(address->port));
        }
    });
}

int natbed_core_connectivity_changed(natbed_core* core, natbed_times* times) {
    return with_and_run(core, times, [](dht::Dht& node) { node.connectivityChanged(); });
}

int natbed_core_get(
    natbed_core* core, natbed_times* times, const uint8_t key[20], uint64_t operation) {
    return with_and_run(core, times, [&](dht::Dht& node) {
        const auto told = [core, operation](const std::vector<dht::Sp<dht::Value>>& values) {
            core->tell_values(operation, values, false);
            return true;
        };
        node.get(hash(key), dht::GetCallback(told), core->done(operation));
    });
}

int natbed_core_put(natbed_core* core, natbed_times* times, const uint8_t key[20],
    uint64_t operation, const uint8_t* packed, size_t length, int is_permanent, uint64_t* value) {
    dht::Sp<dht::Value> made;
    const int result = with(core, times, [&](dht::Dht&) { made = unpacked(packed, length); });
    if (result != NATBED_OK)
        return result;
    if (!made)
        return NATBED_NOT_A_VALUE;
    return with_and_run(core, times, [&](dht::Dht& node) {
        const auto done = core->done(operation);
        node.put(hash(key), made, done, dht::time_point::max(), is_permanent != 0);
        *value = made->id;
        // Freed in here, where its memory is at hand.
        made.reset();
    });
}

int natbed_core_listen(natbed_core* core, natbed_times* times, const uint8_t key[20],
    uint64_t operation, uint64_t* token) {
    return with_and_run(core, times, [&](dht::Dht& node) {
        const auto told = [core, operation](
                              const std::vector<dht::Sp<dht::Value>>& values, bool is_expired) {
            core->tell_values(operation, values, is_expired);
            return true;
        };
        *token = node.listen(hash(key), dht::ValueCallback(told));
    });
}

int natbed_core_cancel_put(
    natbed_core* core, natbed_times* times, const uint8_t key[20], uint64_t value) {
    return with_and_run(core, times, [&](dht::Dht& node) { node.cancelPut(hash(key), value); });
}

int natbed_core_cancel_listen(
    natbed_core* core, natbed_times* times, const uint8_t key[20], uint64_t token) {
    return with_and_run(core, times, [&](dht::Dht& node) { node.cancelListen(hash(key), token); });
}

int natbed_core_poll_transmit(
    natbed_core* core, natbed_address* to, const uint8_t** data, size_t* length) {
    if (core->out.empty())
        return 0;
    Scope scope(core->surroundings);
    core->last_datagram = std::move(core->out.front());
    core->out.pop_front();
    *to = core->last_datagram.to;
    *data = core->last_datagram.bytes.data();
    *length = core->last_datagram.bytes.size();
    return 1;
}

int natbed_core_poll_event(natbed_core* core, natbed_event* event) {
    if (core->events.empty())
        return 0;
    Scope scope(core->surroundings);
    core->last_event = std::move(core->events.front());
    core->events.pop_front();
    *event = core->last_event.plain;
    event->data = core->last_event.bytes.data();
    event->length = core->last_event.bytes.size();
    return 1;
}

int natbed_core_status(const natbed_core* core) { return static_cast<int>(core->node->getStatus()); }

uint64_t natbed_core_undefined(const natbed_core* core) { return core->undefined; }

size_t natbed_core_memory(const natbed_core* core) { return core->surroundings.heap->used(); }

int natbed_core_known(natbed_core* core, natbed_times* times, uint32_t* good, uint32_t* doubtful) {
    return with(core, times, [&](dht::Dht& node) {
        *good = *doubtful = 0;
        for (const sa_family_t family : {AF_INET, AF_INET6}) {
            const auto stats = node.getNodesStats(family);
            *good += stats.good_nodes;
            *doubtful += stats.dubious_nodes;
        }
    });
}

} // extern "C"
