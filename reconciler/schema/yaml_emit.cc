#include "reconciler/base/strings.h"
#include "reconciler/schema/yaml.h"
#include "reconciler/schema/yaml_scalar.h"

namespace slipway::schema {
namespace {

bool isBlock(const Json& value) {
  return (value.isObject() && !value.asObject().empty()) || (value.isArray() && !value.asArray().empty());
}

class Emitter {
 public:
  std::string take() { return std::move(out_); }

  // At the start of a line that is not indented yet.
  void block(const Json& value, std::size_t indent) {
    if (value.isObject() && isBlock(value)) {
      members(value.asObject(), indent, false);
    } else if (value.isArray() && isBlock(value)) {
      items(value.asArray(), indent, false);
    } else {
      inlineValue(value, indent + 2);
    }
  }

 private:
  void members(const JsonObject& object, std::size_t indent, bool firstInPlace) {
    for (const auto& [name, value] : object) {
      pad(indent, firstInPlace);
      text(name);
      out_ += ':';
      if (isBlock(value)) {
        out_ += '\n';
        block(value, value.isArray() ? indent : indent + 2);
      } else {
        out_ += ' ';
        inlineValue(value, indent + 2);
      }
    }
  }

  void items(const Json::Array& list, std::size_t indent, bool firstInPlace) {
    for (const Json& item : list) {
      pad(indent, firstInPlace);
      out_ += "- ";
      if (item.isObject() && isBlock(item)) {
        members(item.asObject(), indent + 2, true);
      } else if (isBlock(item)) {
        items(item.asArray(), indent + 2, true);
      } else {
        inlineValue(item, indent + 2);
      }
    }
  }

  void pad(std::size_t indent, bool& inPlace) {
    if (!inPlace) {
      out_.append(indent, ' ');
    }
    inPlace = false;
  }

  void inlineValue(const Json& value, std::size_t indent) {
    if (!value.isString()) {
      out_ += value.dump();
    } else if (isLiteral(value.asString())) {
      literal(value.asString(), indent);
      return;
    } else {
      text(value.asString());
    }
    out_ += '\n';
  }

  void text(const std::string& value) {
    if (needsQuotes(value)) {
      appendJsonString(out_, value);
    } else {
      out_ += value;
    }
  }

  // Several lines read best as a literal block; only where every character can stand in one as it is.
  static bool isLiteral(const std::string& value) {
    if (value.find('\n') == std::string::npos || value[0] == ' ' || value[0] == '\n' || value[0] == '\t') {
      return false;
    }
    for (const std::string& line : split(value, '\n')) {
      const bool blank = line.find_first_not_of(" \t") == std::string::npos;
      if ((blank && !line.empty()) || line.find_first_of("\t\r") != std::string::npos) {
        return false;
      }
      for (char c : line) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F || static_cast<unsigned char>(c) >= 0x80) {
          return false;
        }
      }
    }
    return true;
  }

  void literal(const std::string& value, std::size_t indent) {
    const bool ends = value.back() == '\n';
    const bool endsTwice = value.size() > 1 && ends && value[value.size() - 2] == '\n';
    out_ += endsTwice ? "|+\n" : ends ? "|\n" : "|-\n";
    std::vector<std::string> lines = split(value, '\n');
    if (ends) {
      lines.pop_back();
    }
    for (const std::string& line : lines) {
      if (!line.empty()) {
        out_.append(indent, ' ');
      }
      out_ += line;
      out_ += '\n';
    }
  }

  std::string out_;
};

}  // namespace

std::string toYaml(const Json& value) {
  Emitter emitter;
  emitter.block(value, 0);
  return emitter.take();
}

}  // namespace slipway::schema
