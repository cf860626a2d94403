# SPDX-License-Identifier: Apache-2.0

# Writes OUT, a C++ file that holds the tables of FOLDER as text: the program carries its data.
# cmake -DFOLDER=data/gap -DNAMES=chips,rent -DOUT=... -P embed_tables.cmake

string(REPLACE "," ";" names "${NAMES}")
set(rows "")
foreach(name IN LISTS names)
  file(READ ${FOLDER}/${name}.csv text)
  string(FIND "${text}" ")csv\"" clash)
  if(NOT clash EQUAL -1)
    message(FATAL_ERROR "${name}.csv holds the end mark of a C++ literal")
  endif()
  string(APPEND rows "    {\"${name}.csv\", R\"csv(${text})csv\"},\n")
endforeach()
file(WRITE ${OUT} "// Made by cmake/embed_tables.cmake out of data/gap; edit those files.

#include \"plan/data_tables.h\"

namespace altteul::plan {
namespace {

constexpr NamedText kTables[] = {
${rows}};

}  // namespace

std::span<const NamedText> EmbeddedTables() { return kTables; }

}  // namespace altteul::plan
")
