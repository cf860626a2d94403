// SPDX-License-Identifier: Apache-2.0

#include "plan/sample_texts.h"

#include <algorithm>

namespace altteul::plan {

std::string_view EnglishSample() {
  return "The library on the corner opens at nine, but in winter the door is often unlocked before "
         "that, because the caretaker does not like to see people waiting in the cold. He switches "
         "on the lamps in the reading room, turns up the heating and puts the newspapers of the "
         "day "
         "on the long table by the window. The first visitors are nearly always the same: two "
         "students who are preparing for an examination, an old man who reads about chess, and a "
         "woman who writes letters to the city council. In 2019 the council wanted to close the "
         "house and save 48,000 a year. More than three thousand people signed a list against it, "
         "and since then nobody has asked what a quiet room with good light is worth. In the "
         "afternoon the children come. They are louder than the rules allow, and the caretaker "
         "pretends not to hear them until somebody complains.\n";
}

std::string_view KoreanSample() {
  return "모퉁이의 도서관은 아홉 시에 문을 열지만, 겨울에는 그보다 일찍 열려 있을 때가 많다. "
         "관리인이 "
         "사람들이 추위 속에서 기다리는 모습을 보고 싶어 하지 않기 때문이다. 그는 열람실의 등을 "
         "켜고 "
         "난방을 올린 다음, 그날 신문을 창가의 긴 책상 위에 올려놓는다. 먼저 오는 사람은 거의 늘 "
         "같다. "
         "시험을 준비하는 학생 두 명, 바둑 책을 읽는 노인, 그리고 시의회에 편지를 쓰는 여자다. "
         "2019년에 "
         "시의회는 이 건물을 닫아 한 해에 4,800만 원을 아끼려고 했다. 삼천 명이 넘는 사람이 반대 "
         "서명을 "
         "했고, 그 뒤로는 조용하고 밝은 방 하나가 얼마짜리인지 아무도 묻지 않는다. 오후에는 "
         "아이들이 "
         "온다. 아이들은 규칙보다 시끄럽지만, 누군가 불평할 때까지 관리인은 못 들은 척한다.\n";
}

Result<double> TokensPerThousandCharacters(const text::Tokenizer& tokenizer,
                                           std::string_view sample) {
  ALT_ASSIGN_OR_RETURN(const auto ids, tokenizer.Encode(sample, {}));
  const auto characters = std::count_if(sample.begin(), sample.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  });
  return 1000.0 * static_cast<double>(ids.size()) / static_cast<double>(characters);
}

}  // namespace altteul::plan
