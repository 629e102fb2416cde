#include "reconciler/apiserver/forms/protobuf.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "reconciler/apiserver/forms/builtin_types.h"
#include "reconciler/base/clock.h"
#include "reconciler/base/strings.h"

namespace slipway::apiserver {

namespace {

constexpr std::string_view kMagic{"k8s\0", 4};
constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxValues = 100'000;
constexpr std::size_t kMaxMapEntries = 10'000;  // look-up in an object is linear

enum class WireType : std::uint8_t { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

// One field on the wire. `bytes` is set for Bytes and both Fixed types, `number` for Varint.
struct WireField {
  std::uint32_t tag = 0;
  WireType type = WireType::Varint;
  std::uint64_t number = 0;
  std::string_view bytes;
};

Status malformed(std::string_view what) { return {Code::Invalid, cat("malformed protobuf body: ", what)}; }

// Walks the fields of one message.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  bool atEnd() const { return rest_.empty(); }

  Result<WireField> next() {
    std::uint64_t key = 0;
    if (!varint(key) || key >> 3U == 0 || key >> 3U > 0x1fffffffU) {
      return malformed("bad field key");
    }
    WireField field;
    field.tag = static_cast<std::uint32_t>(key >> 3U);
    field.type = static_cast<WireType>(key & 7U);
    std::uint64_t length = 0;
    switch (field.type) {
      case WireType::Varint:
        return varint(field.number) ? Result<WireField>(field) : malformed("bad number");
      case WireType::Fixed64:
        length = 8;
        break;
      case WireType::Fixed32:
        length = 4;
        break;
      case WireType::Bytes:
        if (!varint(length)) {
          return malformed("bad length");
        }
        break;
      default:
        return malformed(cat("unknown wire type in field ", field.tag));
    }
    if (length > rest_.size()) {
      return malformed(cat("field ", field.tag, " ends behind the message"));
    }
    field.bytes = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return field;
  }

 private:
  bool varint(std::uint64_t& out) {
    out = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      out |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if (byte < 0x80) {
        return true;
      }
    }
    return false;
  }

  std::string_view rest_;
};

bool isUtf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80                   ? 1
                               : lead >= 0xc2 && lead < 0xe0 ? 2
                               : lead >= 0xe0 && lead < 0xf0 ? 3
                               : lead >= 0xf0 && lead < 0xf5 ? 4
                                                             : 0;
    if (length == 0 || i + length > text.size()) {
      return false;
    }
    std::uint32_t point = length == 1 ? lead : lead & (0x7fU >> length);
    for (std::size_t k = 1; k < length; ++k) {
      const auto byte = static_cast<unsigned char>(text[i + k]);
      if ((byte & 0xc0U) != 0x80U) {
        return false;
      }
      point = point << 6U | (byte & 0x3fU);
    }
    const bool overlong = (length == 3 && point < 0x800) || (length == 4 && (point < 0x10000 || point > 0x10ffff));
    if (overlong || (point >= 0xd800 && point < 0xe000)) {
      return false;
    }
    i += length;
  }
  return true;
}

// An absent value: what the JSON form would leave out.
using MaybeJson = std::optional<Json>;

class Decoder {
 public:
  Result<Json> message(const BuiltinType& type, std::string_view bytes) {
    const Depth depth(*this);
    if (depth_ > kMaxDepth) {
      return malformed(cat("nested deeper than ", kMaxDepth, " levels"));
    }
    Json out = Json::object();
    WireReader reader(bytes);
    while (!reader.atEnd()) {
      const auto wire = reader.next();
      if (!wire) {
        return wire.status();
      }
      const TypeField* field = fieldOf(type, wire->tag);
      if (field == nullptr) {
        continue;
      }
      if (++values_ > kMaxValues) {
        return malformed(cat("more than ", kMaxValues, " values"));
      }
      SLIPWAY_RETURN_IF_ERROR(add(out, *field, *wire));
    }
    return out;
  }

 private:
  class Depth {
   public:
    explicit Depth(Decoder& decoder) : decoder_(decoder) { ++decoder_.depth_; }
    ~Depth() { --decoder_.depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;

   private:
    Decoder& decoder_;
  };

  static const TypeField* fieldOf(const BuiltinType& type, std::uint32_t number) {
    for (const TypeField& field : type.fields) {
      if (field.number == number) {
        return &field;
      }
    }
    return nullptr;
  }

  Status add(Json& object, const TypeField& field, const WireField& wire) {
    if (field.shape == Shape::Map) {
      return addEntry(object, field, wire);
    }
    auto decoded = value(field, wire);
    if (!decoded) {
      return decoded.status().withContext(field.name);
    }
    if (field.shape != Shape::One) {
      object[field.name].push(decoded->has_value() ? std::move(**decoded) : Json());
    } else if (decoded->has_value()) {
      object[field.name] = std::move(**decoded);
    }
    return Status::ok();
  }

  // A map's entry is a message of key (1) and value (2).
  Status addEntry(Json& object, const TypeField& field, const WireField& wire) {
    if (wire.type != WireType::Bytes) {
      return malformed(cat(field.name, " is no map"));
    }
    std::string key;
    WireField entry;
    entry.type = WireType::Bytes;
    WireReader reader(wire.bytes);
    while (!reader.atEnd()) {
      const auto part = reader.next();
      if (!part) {
        return part.status().withContext(field.name);
      }
      if (part->tag == 1) {
        key = part->bytes;
      } else if (part->tag == 2) {
        entry = *part;
      }
    }
    if (!isUtf8(key)) {
      return malformed(cat(field.name, " has a key that is not UTF-8"));
    }
    TypeField item = field;
    item.shape = Shape::One;
    item.optional = true;
    auto decoded = value(item, entry);
    if (!decoded) {
      return decoded.status().withContext(cat(field.name, ".", key));
    }
    Json& map = object[field.name];
    map[key] = decoded->has_value() ? std::move(**decoded) : Json();
    return map.asObject().size() <= kMaxMapEntries
               ? Status::ok()
               : malformed(cat(field.name, " has more than ", kMaxMapEntries, " entries"));
  }

  Result<MaybeJson> value(const TypeField& field, const WireField& wire) {
    switch (field.type) {
      case ValueType::Bool:
        return scalar(field, wire, wire.number != 0, wire.number == 0);
      case ValueType::Int32:
      case ValueType::Int64:
        return scalar(field, wire, static_cast<std::int64_t>(wire.number), wire.number == 0);
      case ValueType::Double:
        return number(wire);
      default:
        break;
    }
    if (wire.type != WireType::Bytes) {
      return malformed("expected bytes, found a number");
    }
    return lengthDelimited(field, wire.bytes);
  }

  static Result<MaybeJson> scalar(const TypeField& field, const WireField& wire, Json value, bool zero) {
    if (wire.type != WireType::Varint) {
      return malformed("expected a number");
    }
    return zero && !field.optional && field.shape == Shape::One ? MaybeJson() : MaybeJson(std::move(value));
  }

  static Result<MaybeJson> number(const WireField& wire) {
    if (wire.type != WireType::Fixed64) {
      return malformed("expected a floating-point number");
    }
    std::uint64_t bits = 0;
    for (std::size_t i = 8; i-- > 0;) {
      bits = bits << 8U | static_cast<unsigned char>(wire.bytes[i]);
    }
    const auto value = std::bit_cast<double>(bits);
    if (!(value >= -1e300 && value <= 1e300)) {
      return malformed("a number is out of range");
    }
    const bool whole =
        value >= -9e15 && value <= 9e15 && value == static_cast<double>(static_cast<std::int64_t>(value));
    if (whole) {
      return MaybeJson(static_cast<std::int64_t>(value));
    }
    return MaybeJson(value);
  }

  Result<MaybeJson> lengthDelimited(const TypeField& field, std::string_view bytes) {
    switch (field.type) {
      case ValueType::String:
        return text(field, bytes);
      case ValueType::Bytes:
        return MaybeJson(base64Encode(bytes));
      case ValueType::Time:
      case ValueType::MicroTime:
        return time(field.type, bytes);
      case ValueType::Strings:
        return strings(bytes, 1);
      case ValueType::RawJson:
        return rawJson(bytes);
      case ValueType::SchemaOrBool:
      case ValueType::SchemaOrList:
      case ValueType::SchemaOrStrings:
        return eitherOr(field.type, bytes);
      default:
        break;
    }
    auto inner = message(*findBuiltinType(field.message()), bytes);
    return inner ? Result<MaybeJson>(MaybeJson(std::move(*inner))) : inner.status();
  }

  static Result<MaybeJson> text(const TypeField& field, std::string_view bytes) {
    if (!isUtf8(bytes)) {
      return malformed("text is not UTF-8");
    }
    const bool absent = bytes.empty() && !field.optional && field.shape == Shape::One;
    return absent ? MaybeJson() : MaybeJson(Json(bytes));
  }

  // Seconds (1) and nanoseconds (2); nothing at all is Go's zero time, which JSON leaves out.
  static Result<MaybeJson> time(ValueType type, std::string_view bytes) {
    std::int64_t seconds = 0;
    std::int64_t nanos = 0;
    WireReader reader(bytes);
    while (!reader.atEnd()) {
      const auto part = reader.next();
      if (!part) {
        return part.status();
      }
      if (part->tag == 1) {
        seconds = static_cast<std::int64_t>(part->number);
      } else if (part->tag == 2) {
        nanos = static_cast<std::int64_t>(part->number);
      }
    }
    if (bytes.empty()) {
      return MaybeJson();
    }
    constexpr std::int64_t kMaxSeconds = 9'000'000'000;  // what nanoseconds in 64 bits can hold
    if (seconds < -kMaxSeconds || seconds > kMaxSeconds || nanos < 0 || nanos > 999'999'999) {
      return malformed("a time is out of range");
    }
    const WallTime when{std::chrono::seconds(seconds) + std::chrono::nanoseconds(nanos)};
    return MaybeJson(type == ValueType::Time ? formatTime(when) : formatMicroTime(when));
  }

  static Result<MaybeJson> strings(std::string_view bytes, std::uint32_t tag) {
    Json out(Json::Array{});
    WireReader reader(bytes);
    while (!reader.atEnd()) {
      const auto part = reader.next();
      if (!part) {
        return part.status();
      }
      if (part->tag == tag && !isUtf8(part->bytes)) {
        return malformed("text is not UTF-8");
      }
      if (part->tag == tag) {
        out.push(Json(part->bytes));
      }
    }
    return MaybeJson(std::move(out));
  }

  static Result<MaybeJson> rawJson(std::string_view bytes) {
    MaybeJson out;
    WireReader reader(bytes);
    while (!reader.atEnd()) {
      const auto part = reader.next();
      if (!part) {
        return part.status();
      }
      if (part->tag != 1) {
        continue;
      }
      auto parsed = parseJson(part->bytes);
      if (!parsed) {
        return parsed.status();
      }
      out = std::move(*parsed);
    }
    return out;
  }

  // JSON Schema's fields that hold a schema or something simpler: bool (1) or schema (2); schema (1) or schemas (2);
  // schema (1) or strings (2).
  Result<MaybeJson> eitherOr(ValueType type, std::string_view bytes) {
    const Depth depth(*this);
    if (depth_ > kMaxDepth) {
      return malformed(cat("nested deeper than ", kMaxDepth, " levels"));
    }
    const BuiltinType& schemaType = *findBuiltinType("JSONSchemaProps");
    const std::uint32_t schemaTag = type == ValueType::SchemaOrBool ? 2 : 1;
    Json out = type == ValueType::SchemaOrBool ? Json(false) : Json(Json::Array{});
    WireReader reader(bytes);
    while (!reader.atEnd()) {
      const auto part = reader.next();
      if (!part) {
        return part.status();
      }
      if (part->tag == schemaTag || (type == ValueType::SchemaOrList && part->tag == 2)) {
        auto schema = message(schemaType, part->bytes);
        if (!schema) {
          return schema.status();
        }
        if (part->tag == schemaTag) {
          return MaybeJson(std::move(*schema));
        }
        out.push(std::move(*schema));
      } else if (type == ValueType::SchemaOrStrings && part->tag == 2) {
        if (!isUtf8(part->bytes)) {
          return malformed("text is not UTF-8");
        }
        out.push(Json(part->bytes));
      } else if (type == ValueType::SchemaOrBool && part->tag == 1) {
        out = part->number != 0;
      }
    }
    return MaybeJson(std::move(out));
  }

  int depth_ = 0;
  std::size_t values_ = 0;
};

struct Envelope {
  std::string apiVersion;
  std::string kind;
  std::string_view raw;
};

Status readTypeMeta(std::string_view bytes, Envelope& envelope) {
  WireReader reader(bytes);
  while (!reader.atEnd()) {
    const auto part = reader.next();
    if (!part) {
      return part.status();
    }
    if (part->tag == 1) {
      envelope.apiVersion = part->bytes;
    } else if (part->tag == 2) {
      envelope.kind = part->bytes;
    }
  }
  return Status::ok();
}

// runtime.Unknown: type (1), the message (2), its encoding (3) and content type (4).
Result<Envelope> readEnvelope(std::string_view bytes) {
  Envelope envelope;
  WireReader reader(bytes);
  while (!reader.atEnd()) {
    const auto part = reader.next();
    if (!part) {
      return part.status();
    }
    if (part->tag == 1) {
      SLIPWAY_RETURN_IF_ERROR(readTypeMeta(part->bytes, envelope));
    } else if (part->tag == 2) {
      envelope.raw = part->bytes;
    } else if (part->tag == 3 && !part->bytes.empty()) {
      return malformed(cat("unknown content encoding \"", printable(part->bytes.substr(0, 40)), "\""));
    }
  }
  return envelope;
}

}  // namespace

Result<Json> decodeProtobuf(std::string_view body) {
  if (!body.starts_with(kMagic)) {
    return malformed("it does not begin with \"k8s\\0\"");
  }
  const auto envelope = readEnvelope(body.substr(kMagic.size()));
  if (!envelope) {
    return envelope.status();
  }
  const BuiltinType* type = findBuiltinKind(envelope->apiVersion, envelope->kind);
  if (type == nullptr) {
    return Status(Code::Invalid, cat("no kind \"", printable(envelope->kind.substr(0, 80)),
                                     "\" is known in protobuf form for version \"",
                                     printable(envelope->apiVersion.substr(0, 80)), "\": send JSON"));
  }
  auto decoded = Decoder().message(*type, envelope->raw);
  if (!decoded) {
    return decoded.status();
  }
  Json out = Json::object({{"apiVersion", envelope->apiVersion}, {"kind", envelope->kind}});
  for (auto& [name, value] : decoded->asObject()) {
    out[name] = std::move(value);
  }
  return out;
}

}  // namespace slipway::apiserver
