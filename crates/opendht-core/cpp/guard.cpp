#include "guard.hpp"

#include <msgpack.hpp>

#include <string_view>

namespace natbed {
namespace {

using msgpack::object;

// Calls `f` with each value that has the key: of several, the core takes the last.
template <class F>
void for_each(const object& map, std::string_view key, F&& f) {
    for (uint32_t i = 0; i < map.via.map.size; ++i) {
        const auto& pair = map.via.map.ptr[i];
        if (pair.key.type == msgpack::type::STR
            && std::string_view(pair.key.via.str.ptr, pair.key.via.str.size) == key)
            f(pair.val);
    }
}

bool is_map(const object& value) { return value.type == msgpack::type::MAP; }
bool is_filled_array(const object& value) {
    return value.type == msgpack::type::ARRAY && value.via.array.size > 0;
}

// Numbers of transactions are integers, or four bytes of which fewer are copied into four that
// nobody has written to.
bool is_short_number(const object& number) {
    switch (number.type) {
    case msgpack::type::STR: return number.via.str.size < 4;
    case msgpack::type::BIN: return number.via.bin.size < 4;
    case msgpack::type::ARRAY: return number.via.array.size < 4;
    default: return false;
    }
}

// Values as rows of fields: their number is divided by that of the columns.
bool has_rows_without_columns(const object& body) {
    bool is_so = false;
    for_each(body, "fields", [&](const object& fields) {
        if (!is_map(fields)) {
            is_so = true;
            return;
        }
        for_each(fields, "f", [&](const object& columns) { is_so |= !is_filled_array(columns); });
    });
    return is_so;
}

} // namespace

bool is_undefined(const uint8_t* datagram, std::size_t length) {
    msgpack::object_handle handle;
    try {
        handle = msgpack::unpack(reinterpret_cast<const char*>(datagram), length);
    } catch (const std::exception&) {
        // The core throws as well, and catches that.
        return false;
    }
    const object& message = handle.get();
    if (!is_map(message))
        return true;
    bool has_body = false;
    bool is_undefined = false;
    for_each(message, "t", [&](const object& number) { is_undefined |= is_short_number(number); });
    for (const char* const key : {"a", "r", "u"})
        for_each(message, key, [&](const object& body) {
            has_body = true;
            if (!is_map(body) || has_rows_without_columns(body))
                is_undefined = true;
            else
                for_each(body, "sid",
                    [&](const object& number) { is_undefined |= is_short_number(number); });
        });
    for_each(message, "e",
        [&](const object& error) { is_undefined |= !has_body || !is_filled_array(error); });
    return is_undefined;
}

} // namespace natbed
