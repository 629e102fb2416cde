#include "reconciler/apiserver/forms/http_message.h"

#include <optional>

#include "reconciler/base/strings.h"

namespace slipway::apiserver {
namespace {

constexpr std::size_t kMaxParameters = 256;

int hexValue(char digit) {
  if (digit >= '0' && digit <= '9') {
    return digit - '0';
  }
  const char lower = static_cast<char>(digit | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::optional<std::string> percentDecode(std::string_view text, bool inQuery) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '+' && inQuery) {
      out += ' ';
    } else if (text[at] != '%') {
      out += text[at];
    } else {
      const int high = at + 2 < text.size() ? hexValue(text[at + 1]) : -1;
      const int low = high >= 0 ? hexValue(text[at + 2]) : -1;
      if (low < 0) {
        return std::nullopt;
      }
      out += static_cast<char>(high * 16 + low);
      at += 2;
    }
  }
  return out;
}

// Within one segment of a path nothing may stand for a separator or mean another directory.
bool segmentIsPlain(std::string_view segment) {
  if (segment == "." || segment == "..") {
    return false;
  }
  for (const char byte : segment) {
    if (byte == '/' || static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f) {
      return false;
    }
  }
  return true;
}

}  // namespace

Status parseTarget(std::string_view target, HttpRequest& request) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.starts_with(scheme)) {
      const std::size_t path = target.find('/', scheme.size());
      target = path == std::string_view::npos ? "/" : target.substr(path);
    }
  }
  if (!target.starts_with('/')) {
    return {Code::Invalid, "the request target must start with a slash"};
  }
  const std::size_t mark = target.find('?');
  request.path.clear();
  for (const std::string& raw : split(target.substr(1, mark == std::string_view::npos ? mark : mark - 1), '/')) {
    const std::optional<std::string> segment = percentDecode(raw, false);
    if (!segment || !segmentIsPlain(*segment)) {
      return {Code::Invalid, "the path has a bad escape, an encoded slash or control character, or a dot segment"};
    }
    request.path += cat("/", *segment);
  }
  request.query.clear();
  if (mark == std::string_view::npos) {
    return Status::ok();
  }
  for (const std::string& pair : split(target.substr(mark + 1), '&')) {
    if (pair.empty()) {
      continue;
    }
    const std::size_t equals = pair.find('=');
    const std::optional<std::string> name = percentDecode(std::string_view(pair).substr(0, equals), true);
    const std::optional<std::string> value =
        equals == std::string::npos ? std::string() : percentDecode(std::string_view(pair).substr(equals + 1), true);
    if (!name || !value || request.query.size() >= kMaxParameters) {
      return {Code::Invalid, "the query has a bad escape or too many parameters"};
    }
    request.query.emplace_back(*name, *value);
  }
  return Status::ok();
}

Status checkFraming(const HttpRequest& request, bool http10) {
  int lengths = 0;
  int encodings = 0;
  int hosts = 0;
  for (const auto& [name, value] : request.headers) {
    lengths += name == "content-length" ? 1 : 0;
    hosts += name == "host" ? 1 : 0;
    if (name == "transfer-encoding") {
      ++encodings;
      if (lowerAscii(value) != "chunked") {
        return {Code::Invalid, "the only Transfer-Encoding known is chunked"};
      }
    }
  }
  if (encodings > 1 || (encodings > 0 && (lengths > 0 || http10))) {
    return {Code::Invalid, "Transfer-Encoding is given twice, beside Content-Length, or in HTTP/1.0"};
  }
  if (lengths > 1) {
    return {Code::Invalid, "Content-Length is given more than once"};
  }
  if (hosts > 1 || (hosts == 0 && !http10)) {
    return {Code::Invalid, "a request has exactly one Host header"};
  }
  return Status::ok();
}

std::string HttpRequest::header(std::string_view lowerCaseName) const {
  for (const auto& [name, value] : headers) {
    if (name == lowerCaseName) {
      return value;
    }
  }
  return {};
}

std::string HttpRequest::parameter(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) {
      return value;
    }
  }
  return {};
}

bool HttpRequest::hasParameter(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) {
      return true;
    }
  }
  return false;
}

}  // namespace slipway::apiserver
