#pragma once

#include <map>
#include <string>
#include <string_view>

#include "reconciler/base/status.h"

namespace slipway::traffic {

// One answer of HTTP/1.1 as it came over a connection of its own.
struct HttpText {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in small letters; trailers too
  std::string body;
  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
  }
};

// "GET /id/shop", with headers "Name: value\r\n" of the caller's, for one connection. `address` as in adminAddress().
std::string httpRequest(std::string_view line, const std::string& address, std::string_view headers = "",
                        std::string_view body = "");

// Unavailable when it is cut short, Invalid when it is no HTTP.
Result<HttpText> parseHttp(std::string_view text);

}  // namespace slipway::traffic
