# Writes OUT/NAME.cc and .h with the bytes of FILES. Run by slipway_embed.
file(WRITE ${OUT}/${NAME}.h "#pragma once

#include <span>
#include <string_view>

namespace slipway {

#ifndef SLIPWAY_EMBEDDED_FILE
#define SLIPWAY_EMBEDDED_FILE
struct EmbeddedFile {
  std::string_view name;  // without its folder
  std::string_view content;
};
#endif

std::span<const EmbeddedFile> ${NAME}();

}  // namespace slipway
")
set(arrays "")
set(rows "")
set(index 0)
foreach(file ${FILES})
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  get_filename_component(base ${file} NAME)
  string(APPEND arrays "const unsigned char kFile${index}[] = {${bytes}0};\n")
  string(APPEND rows "  {\"${base}\", {reinterpret_cast<const char*>(kFile${index}), sizeof kFile${index} - 1}},\n")
  math(EXPR index "${index} + 1")
endforeach()
file(WRITE ${OUT}/${NAME}.cc "#include \"${NAME}.h\"

namespace slipway {
namespace {
${arrays}
const EmbeddedFile kFiles[] = {
${rows}  {{}, {}}};
}  // namespace

std::span<const EmbeddedFile> ${NAME}() { return {kFiles, ${index}}; }

}  // namespace slipway
")
