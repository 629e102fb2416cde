#include "providers/traffic/http_text.h"

#include <charconv>

#include "reconciler/base/strings.h"

namespace slipway::traffic {
namespace {

constexpr std::string_view kLine = "\r\n";

// Takes header lines up to an empty one. False when there is none.
bool takeHeaders(std::string_view& rest, HttpText& out) {
  for (;;) {
    const std::size_t end = rest.find(kLine);
    if (end == std::string_view::npos) {
      return false;
    }
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + kLine.size());
    if (line.empty()) {
      return true;
    }
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
      out.headers[lowerAscii(line.substr(0, colon))] = trim(line.substr(colon + 1));
    }
  }
}

bool takeChunks(std::string_view& rest, HttpText& out) {
  for (;;) {
    std::size_t size = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), size, 16);
    const std::size_t line = rest.find(kLine);
    if (error != std::errc() || line == std::string_view::npos) {
      return false;
    }
    rest.remove_prefix(line + kLine.size());
    if (size == 0) {
      return takeHeaders(rest, out);
    }
    if (rest.size() < size || rest.size() - size < kLine.size()) {
      return false;
    }
    out.body += rest.substr(0, size);
    rest.remove_prefix(size + kLine.size());
  }
}

}  // namespace

std::string httpRequest(std::string_view line, const std::string& address, std::string_view headers,
                        std::string_view body) {
  // A socket has no name: an empty one is what RFC 9112 asks for, and what servers take.
  const std::string host = address.starts_with('/') ? std::string() : address;
  const std::string length =
      body.empty() ? std::string() : cat("Content-Type: application/json\r\nContent-Length: ", body.size(), kLine);
  return cat(line, " HTTP/1.1\r\nHost: ", host, "\r\nConnection: close\r\n", headers, length, kLine, body);
}

Result<HttpText> parseHttp(std::string_view text) {
  HttpText out;
  if (!text.starts_with("HTTP/1.") || text.size() < 12) {
    return Status(Code::Invalid, cat("no answer of HTTP: ", printable(text.substr(0, 100))));
  }
  std::from_chars(text.data() + 9, text.data() + 12, out.status);
  std::string_view rest = text.substr(std::min(text.find(kLine) + kLine.size(), text.size()));
  const Status cut(Code::Unavailable, "the answer was cut short");
  if (!takeHeaders(rest, out)) {
    return cut;
  }
  if (lowerAscii(out.header("transfer-encoding")) == "chunked") {
    return takeChunks(rest, out) ? Result<HttpText>(std::move(out)) : Result<HttpText>(cut);
  }
  const std::string length = out.header("content-length");
  std::size_t size = rest.size();
  std::from_chars(length.data(), length.data() + length.size(), size);
  if (size > rest.size()) {
    return cut;
  }
  out.body = rest.substr(0, size);
  return out;
}

}  // namespace slipway::traffic
