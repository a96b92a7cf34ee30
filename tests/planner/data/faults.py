"""What tests put into real rows as faults, and that people and machines really write."""

# ruff: noqa: RUF001  letters of other scripts look alike

from collections.abc import Callable

WORDS = [
    "café",
    "L’été à Paris",
    "“Well”, she said",
    "naïve – or not…",
    "10 °C and 5 € or £3",
    "a\u00a0b",
    "Größe",
    "mañana",
    "São Paulo",
    "Łódź",
    "gęś idzie",
    "obișnuit",
    "Привет, мир",
    "Γειά σου",
    "你好，世界",
    "こんにちは",
    "안녕하세요",
    "नमस्ते",
    "🙂",
]
"""Text that has more than ASCII."""
HTML = [
    "<p>First.</p>",
    "one<br/>two",
    "one<BR>two",
    "10&nbsp;kg",
    "Tom &amp; Jerry",
    "it&#39;s",
    "it&#x27;s",
    'see <a href="https://example.org">here</a>',
    "a <b>bold</b> word",
    '<div class="x">text</div>',
    "<li>one</li>",
    'look: <img src="a.png">',
    "caf&eacute;",
]
"""Answers with remains of HTML."""
TOKENS = [
    "Hi<|im_end|>",
    "<|eot_id|>",
    "<|start_header_id|>user",
    "[INST] Hi [/INST]",
    "Yes.</s>",
    "<s>Yes",
    "<<SYS>>",
    "<start_of_turn>model",
    "<\uff5cUser\uff5c>hello",
    "<|endoftext|>",
    "[TOOL_CALLS]",
    "<|START_OF_TURN_TOKEN|>",
    "<unk>",
    "<|turn>user",
    "so<turn|>",
    "<end_of_utterance>",
    "[gMASK]",
]
"""Answers with special tokens of chat templates."""
TRANSLATED = {
    "German": "Wie viele Clips hat Natalia im April und im Mai zusammen verkauft, wenn es im Mai "
    "nur halb so viele waren?",
    "French": "Combien de pinces Natalia a-t-elle vendues en tout en avril et en mai, si elle en "
    "a vendu la moitié en mai ?",
    "Spanish": "¿Cuántos clips vendió Natalia en total en abril y mayo si en mayo vendió la mitad "
    "de los que vendió en abril?",
    "Portuguese": "Quantos clipes a Natália vendeu ao todo em abril e maio, se em maio ela vendeu "
    "a metade do que vendeu em abril?",
    "Italian": "Quante mollette ha venduto Natalia in tutto tra aprile e maggio, se a maggio ne "
    "ha vendute la metà di quelle vendute ad aprile?",
    "Dutch": "Hoeveel clips heeft Natalia in april en mei in totaal verkocht als ze in mei de "
    "helft van die van april verkocht?",
    "Polish": "Ile spinek Natalia sprzedała w sumie w kwietniu i maju, jeśli w maju sprzedała ich "
    "o połowę mniej niż w kwietniu?",
    "Turkish": "Natalia Nisan ve Mayıs aylarında toplam kaç toka sattı, eğer Mayıs ayında Nisan "
    "ayının yarısı kadar sattıysa?",
    "Russian": "Сколько заколок Наталья продала всего в апреле и в мае, если в мае она продала "
    "в два раза меньше, чем в апреле?",
    "Ukrainian": "Скільки заколок Наталя продала загалом у квітні та травні, якщо в травні вона "
    "продала вдвічі менше, ніж у квітні?",
    "Arabic": "كم عدد المشابك التي باعتها ناتاليا في أبريل ومايو إذا كان ما باعته في مايو هو "
    "نصف ما باعته في أبريل؟",
    "Hindi or another in Devanagari": "नतालिया ने अप्रैल और मई में कुल कितने क्लिप बेचे?",
    "Chinese": "娜塔莉亚在四月和五月一共卖了多少个发夹？",
    "Japanese": "ナタリアは四月と五月に合わせていくつのクリップを売りましたか。",
    "Korean": "나탈리아는 사월과 오월에 모두 몇 개의 클립을 팔았습니까?",
    "Greek": "Πόσα κλιπ πούλησε συνολικά η Ναταλία τον Απρίλιο και τον Μάιο;",
    "Thai": "นาตาเลียขายคลิปได้ทั้งหมดกี่ตัวในเดือนเมษายนและพฤษภาคม",
}
"""One question in the languages that are told by these names."""
EDITS: dict[str, Callable[[str], str]] = {
    "another word": lambda text: " ".join([*text.split()[:5], "perhaps", *text.split()[6:]]),
    "a word less": lambda text: " ".join(text.split()[:7] + text.split()[8:]),
    "case and punctuation": lambda text: text.upper().replace(", ", " ").replace(". ", "!! "),
    "a sentence more": lambda text: f"{text} Explain how you found that out.",
    "a prefix": lambda text: f"Please answer this question: {text}",
}
"""Edits after which a long text says nearly the same."""


def misread(text: str, encoding: str) -> str:
    """Read UTF-8 as a web page's browser does: what the encoding has not stays as it is."""
    return "".join(
        bytes([byte]).decode(encoding, errors="ignore") or chr(byte) for byte in text.encode()
    )
