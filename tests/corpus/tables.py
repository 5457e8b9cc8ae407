"""``metadata.csv`` in every dialect, encoding and spelling; damaged and hostile ones."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from gan import DataError, load_posters
from tests.corpus import LeftOut, assert_refused, assert_sentence, case, tried

Genres = Mapping[str, tuple[str, ...]]

H, D, HD = ("Horror",), ("Drama",), ("Horror", "Drama")


class ReadOrRefused:
    """Garbage that may look like a table."""


@tried("table")
def read(folder: Path, expected: Any) -> None:
    """The folder, and a zip of it, with the genres of each of its pictures."""
    archive = folder.parent / "posters.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, path.relative_to(folder))
    for source in (folder, archive):
        if isinstance(expected, LeftOut):
            assert_refused(lambda source=source: load_posters(source, 4, progress=False), expected)
            continue
        if isinstance(expected, ReadOrRefused):
            with suppress_sentence():
                load_posters(source, 4, progress=False)
            continue
        posters = load_posters(source, 4, progress=False)
        for note in posters.notes():
            assert_sentence(note, LeftOut(""))
        assert dict(zip(posters.names, posters.genres, strict=True)) == dict(expected)
        for genre, count in posters.genre_counts().items():  # what can be trained can be asked for
            assert len(posters.with_genres([genre.upper()])) == count


@contextmanager
def suppress_sentence(about: str = "metadata.csv") -> Iterator[None]:
    """Garbage may be read as something; if not, one sentence says so."""
    try:
        yield
    except DataError as error:
        assert_sentence(str(error), LeftOut(about))


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(file, "PNG")
    return file.getvalue()


PICTURE = picture()


def add(name: str, expected: Any, table: str | bytes, pictures: Sequence[str] = (), at: str = "metadata.csv") -> None:
    """A case: a table beside the pictures that are expected, or beside these."""

    @case("table", name, expected)
    def make(folder: Path) -> None:
        names = pictures or (list(expected) if isinstance(expected, Mapping) else ["a.png", "b.png"])
        for each in names:
            (folder / each).parent.mkdir(parents=True, exist_ok=True)
            (folder / each).write_bytes(PICTURE)
        (folder / at).parent.mkdir(parents=True, exist_ok=True)
        (folder / at).write_bytes(table.encode() if isinstance(table, str) else table)


PLAIN = "file_name,genres\na.png,Horror\nb.png,Horror|Drama\n"
EXPECTED: Genres = {"a.png": H, "b.png": HD}

# ---- ends of lines, separators, encodings ------------------------------------------------------------

for name, end in {"unix": "\n", "windows": "\r\n", "old-mac": "\r", "blank-lines": "\n\n\r\n"}.items():
    add(f"ends.{name}", EXPECTED, PLAIN.replace("\n", end))
add("ends.none-at-the-end", EXPECTED, PLAIN.rstrip())
add("ends.mixed", EXPECTED, "file_name,genres\r\na.png,Horror\rb.png,Horror|Drama\n")
add("ends.empty-rows", EXPECTED, "\n,\nfile_name,genres\n,\na.png,Horror\n , \nb.png,Horror|Drama\n,,,\n")
for name, mark in {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}.items():
    table = f"file_name{mark}genres\na.png{mark}Horror\nb.png{mark}Horror/Drama\n"
    add(f"separator.{name}", EXPECTED, table)
    add(f"separator.{name}.spaces", EXPECTED, table.replace(mark, f" {mark} "))
    quoted = f'"file_name"{mark}"genres"\n"a.png"{mark}"Horror"\n"b.png"{mark}"Horror, Drama"\n'
    add(f"separator.{name}.quoted", EXPECTED, quoted)
    add(f"separator.{name}.said", EXPECTED, f"sep={mark}\n" + table)
    columns = f"id{mark}year{mark}file_name{mark}title{mark}genres\n"
    rows = "".join(
        f'{n}{mark}1999{mark}{each}.png{mark}"A{mark} film; of, many"{mark}Horror\n' for n, each in enumerate("ab")
    )
    add(f"separator.{name}.in-titles", {"a.png": H, "b.png": H}, columns + rows)
accented = "file_name,genres\nAmélie.png,Comédie|Drame\nb.png,Drame\n"
for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1"):
    content = accented.encode(encoding)
    french: Genres = {"Amélie.png": ("Comédie", "Drame"), "b.png": ("Drame",)}
    add(f"encoding.{encoding}", french, content)
    add(f"encoding.{encoding}.excel", french, accented.replace(",", ";").replace("\n", "\r\n").encode(encoding))
add("encoding.utf-16-be-mark", EXPECTED, b"\xfe\xff" + PLAIN.encode("utf-16-be"))
add(
    "encoding.curly-quotes",
    {"a.png": ("Children\u2019s",)},
    "file_name,genres\na.png,Children\u2019s\n".encode("cp1252"),
)
mostly = "file_name,genres\nAmélie.png,Comédie\nMühle.png,Müll\nb.png,".encode() + b"Caf\xe9\n"
add("encoding.one-bad-byte", {"Amélie.png": ("Comédie",), "Mühle.png": ("Müll",), "b.png": ("Café",)}, mostly)
add("encoding.japanese", {"七人の侍.png": ("時代劇", "ドラマ")}, "file_name,genres\n七人の侍.png,時代劇|ドラマ\n")

# ---- columns -----------------------------------------------------------------------------------------

HEADERS = ["File_Name", "FILE NAME", "filename", "file", "File", "image", "Image", "img", "poster", "Poster", "picture"]
HEADERS += [
    "path",
    "file path",
    "image-name",
    " file_name ",
    "id",
    "ID",
    "imdb_id",
    "imdbId",
    "tconst",
    "title",
    "name",
]
HEADERS += ["name", "Filename ", "poster_path", "image_path", "\ufefffile_name"]
for number, header in enumerate(HEADERS):
    add(f"header.{number}", EXPECTED, PLAIN.replace("file_name", header))
GENRE_HEADERS = [
    "Genre",
    "genres",
    "GENRE",
    "Genres ",
    " genre",
    "category",
    "Categories",
    "Movie Genres",
    "genre_names",
]
for number, header in enumerate(GENRE_HEADERS):
    add(f"genre-header.{number}", EXPECTED, PLAIN.replace("genres", header))
add("header.none", EXPECTED, "a.png,Horror\nb.png,Horror|Drama\n")
add("header.none.semicolon", EXPECTED, "a.png;Horror\nb.png;Horror|Drama\n")
add("header.order", EXPECTED, "genres,file_name\nHorror,a.png\nHorror|Drama,b.png\n")
add("header.index-of-pandas", EXPECTED, ",file_name,genres\n0,a.png,Horror\n1,b.png,Horror|Drama\n")
add("header.number-beside", EXPECTED, "id,file_name,genres\n7,a.png,Horror\n8,b.png,Horror|Drama\n")
add("header.numbered-genres", EXPECTED, "file_name,genre_1,genre_2\na.png,Horror,\nb.png,Horror,Drama\n")
add("header.the-one-that-fits", EXPECTED, "poster,id,genres\nhttp://x/1.jpg,a,Horror\nhttp://x/2.jpg,b,Horror|Drama\n")
add("header.only-names", {"a.png": (), "b.png": ()}, "file_name\na.png\nb.png\n")
add(
    "header.addresses",
    EXPECTED,
    "poster_url,genres\nhttps://x.org/p/a.png?w=9,Horror\nhttps://x.org/p/b.png#1,Horror|Drama\n",
)
add("header.twice", EXPECTED, "file_name,genres,genres\na.png,Horror,x\nb.png,Horror|Drama,x\n")
KINO = "file_name,genres,labels\na.png,Horror,full\nb.png,Horror|Drama,PARTIAL \n"
add("labels", EXPECTED, KINO)
add("labels.spelled", EXPECTED, KINO.replace("labels", "Labels"))
add(
    "labels.foreign",
    LeftOut("must be full or partial"),
    "file_name,genres,labels\na.png,Horror,3\nb.png,Drama,![x](http://e)\n",
)
add("no-column", LeftOut("no column that names pictures"), "year,rating\n1999,7\n")
add("no-column.hostile", LeftOut("no column that names pictures"), '"![x](http://e)\n<b>",\x1b[31m\n1,2\n')

# ---- lists of genres ---------------------------------------------------------------------------------

LISTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "comma": ("Horror, Drama", HD),
    "comma-tight": ("Horror,Drama", HD),
    "bar": ("Horror|Drama", HD),
    "bar-spaces": (" Horror | Drama ", HD),
    "semicolon": ("Horror; Drama", HD),
    "slash": ("Horror/Drama", HD),
    "slash-spaces": ("Horror / Drama", HD),
    "lines": ("Horror\nDrama", HD),
    "windows-lines": ("Horror\r\nDrama", HD),
    "tab": ("Horror\tDrama", HD),
    "python": ("['Horror', 'Drama']", HD),
    "json": ('["Horror", "Drama"]', HD),
    "json-one": ('["Horror"]', H),
    "tuple": ("('Horror', 'Drama')", HD),
    "set": ("{'Horror', 'Drama'}", HD),
    "numpy": ("['Horror' 'Drama']", HD),
    "numpy-lines": ("['Horror'\n 'Drama']", HD),
    "bare-list": ("[Horror, Drama]", HD),
    "tmdb": ('[{"id": 27, "name": "Horror"}, {"id": 18, "name": "Drama"}]', HD),
    "tmdb-python": ("[{'id': 27, 'name': 'Horror'}, {'id': 18, 'name': 'Drama'}]", HD),
    "tmdb-one": ('{"id": 27, "name": "Horror"}', H),
    "tmdb-cut": ("[{'id': 27, 'name': 'Horror'}, {'id': 18, 'na", H),
    "json-null": ("[null]", ()),
    "json-empty": ("[]", ()),
    "trailing": ("Horror|Drama|", HD),
    "leading": (",Horror,,Drama", HD),
    "twice": ("Horror|Drama|Horror", HD),
    "twice-in-another-case": ("Horror|Drama|horror", HD),
    "spaces": ("  Horror  |  Drama\u00a0", HD),
    "doubled-spaces": ("Science  Fiction", ("Science Fiction",)),
    "quoted-inside": ("'Horror', 'Drama'", HD),
    "ampersand": ("Sci-Fi & Fantasy", ("Sci-Fi & Fantasy",)),
    "ampersand-escaped": ("Sci-Fi &amp; Fantasy", ("Sci-Fi & Fantasy",)),
    "ampersand-list": ("Sci-Fi & Fantasy, War & Politics", ("Sci-Fi & Fantasy", "War & Politics")),
    "hyphens": ("Film-Noir, Reality-TV", ("Film-Noir", "Reality-TV")),
    "slash-in-a-name": ("Sci-Fi/Fantasy", ("Sci-Fi/Fantasy",)),
    "slash-in-a-list": ("Horror, Sci-Fi/Fantasy", ("Horror", "Sci-Fi/Fantasy")),
    "comma-in-a-name": ("Crime, Mystery & Thriller|Drama", ("Crime, Mystery & Thriller", "Drama")),
    "comma-in-json": ('["Crime, Mystery & Thriller", "Drama"]', ("Crime, Mystery & Thriller", "Drama")),
    "apostrophe": ("Children's|Drama", ("Children's", "Drama")),
    "apostrophe-json": ('["Children\'s", "Drama"]', ("Children's", "Drama")),
    "apostrophe-python": ("[\"Children's\", 'Drama']", ("Children's", "Drama")),
    "none": ("N/A", ()),
    "nan": ("nan", ()),
    "none-of-movielens": ("(no genres listed)", ()),
    "none-of-imdb": ("\\N", ()),
    "none-of-python": ("None", ()),
    "markdown": ("![x](http://evil)|Drama", ("![x](http://evil)", "Drama")),
    "html": ("<img src=x>|Drama", ("<img src=x>", "Drama")),
    "formula": ("=cmd()|Drama", ("=cmd()", "Drama")),
    "accents": ("Come\u0301die|Drame", ("Com\u00e9die", "Drame")),
    "nested": ("[" * 5000, ReadOrRefused),
    "nested-closed": ("[" * 400 + "]" * 400, ReadOrRefused),
    "code": ("[__import__('os').system('true')]", ReadOrRefused),
    "long": ("x" * 50_000, ReadOrRefused),
}


def cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


for name, (text, genres) in LISTS.items():
    expected_: Any = ReadOrRefused() if genres is ReadOrRefused else {"a.png": genres}
    for mark in (",", ";", "\t"):
        kind = {",": "csv", ";": "excel", "\t": "tsv"}[mark]
        add(f"list.{name}.{kind}", expected_, f"file_name{mark}genres\na.png{mark}{cell(text)}\n", ["a.png"])
for name in ("comma", "comma-tight", "python", "bare-list"):
    add(f"list.{name}.not-quoted", {"a.png": HD}, f"file_name,genres\na.png,{LISTS[name][0]}\n")
add("list.not-quoted.labels-first", {"a.png": HD}, "file_name,labels,genres\na.png,full,Horror,Drama\n")
titles = "file_name,title,genres\na.png,Godfather, The,Drama\nb.png,Alien,Horror\n"
add("list.comma-in-a-title-not-quoted", {"a.png": (), "b.png": H}, titles)
add(
    "case.most-frequent",
    {"a.png": H, "b.png": H, "c.png": H},
    "file_name,genres\na.png,Horror\nb.png,HORROR\nc.png,Horror\n",
)
add("case.as-a-name", EXPECTED, "file_name,genres\na.png,horror\nb.png,Horror|DRAMA|Drama\n")
add("slash.parts-elsewhere", {"a.png": ("Giallo", "Pulp"), "b.png": ("Giallo",), "c.png": ("Pulp",)},
    "file_name,genres\na.png,Giallo/Pulp\nb.png,Giallo\nc.png,Pulp\n")  # fmt: skip
mixed = 'file_name,genres\na.png,"Horror, Drama"\nb.png,Horror|Drama\nc.png,"Crime, Mystery & Thriller"\n'
add("list.mixed", {"a.png": HD, "b.png": HD, "c.png": ("Crime, Mystery & Thriller",)}, mixed)

# ---- names of pictures -------------------------------------------------------------------------------

FORMS = [
    "./a.png",
    "a",
    "A.PNG",
    "a.PNG",
    "a.jpg",
    ".\\a.png",
    "/a.png",
    " a.png ",
    "posters/a.png",
    "C:\\me\\posters\\a.png",
]
FORMS += ["/home/me/posters/a.png", "https://host/x/a.png", "a.webp", "posters\\a", "././a.png"]
FORMS += ["C:\\me\\posters\\a.png", "../posters/a.png"]
for number, form in enumerate(FORMS):
    add(f"name.{number}", {"a.png": H, "b.png": ()}, f"file_name,genres\n{cell(form)},Horror\n")
add("name.in-a-folder-not-named", {"images/a.png": H}, "file_name,genres\na.png,Horror\n")
add("name.in-a-folder-without-suffix", {"images/2000/a.png": H}, "file_name,genres\n2000/a,Horror\n")
add("name.another-folder", {"2000/a.png": ()}, "file_name,genres\n1990/a.png,Horror\n")
add("name.two-may-be-meant", {"x/a.png": (), "y/a.png": ()}, "file_name,genres\na.png,Horror\n")
add("name.suffix-missing-two-may-be-meant", {"a.png": (), "a.jpg": ()}, "file_name,genres\na,Horror\n")
add("name.exact-of-two", {"a.png": H, "a.jpg": D}, "file_name,genres\na.png,Horror\na.jpg,Drama\n")
add("name.case-of-two", {"a.png": H, "A.png": D}, "file_name,genres\na.png,Horror\nA.png,Drama\n")
add("name.nobody", {"a.png": ()}, "file_name,genres\nx.png,Horror\n")
add("name.imdb-number", {"tt0114709.png": H}, "imdbId,genres\n114709,Horror\n")
add("name.number-of-pandas", {"862.png": H}, "id,genres\n862.0,Horror\n")
add("name.decomposed-picture", {"Ame\u0301lie.png": H}, "file_name,genres\nAm\u00e9lie.png,Horror\n")
add("name.decomposed-table", {"Am\u00e9lie.png": H}, "file_name,genres\nAme\u0301lie.png,Horror\n")
add("name.dots", {"Mr. & Mrs. Smith.png": H}, "file_name,genres\nMr. & Mrs. Smith,Horror\n")
add("name.comma", {"Godfather, The.png": H}, 'file_name,genres\n"Godfather, The.png",Horror\n')
add("name.quotes", {'a "b" c.png': H}, 'file_name,genres\n"a ""b"" c.png",Horror\n')
add("name.line-end", {"a\nb.png": H}, 'file_name,genres\n"a\nb.png",Horror\n')
add("name.hash", {"#1.png": H}, "file_name,genres\n#1.png,Horror\n")
add("rows.one-a-genre", {"a.png": HD, "b.png": D}, "file_name,genres\na.png,Horror\na.png,Drama\nb.png,Drama\n")
add("rows.two-names-of-one", {"a.png": ()}, "file_name,genres\nx/a.png,Horror\ny/a.png,Drama\n")
add("rows.short", {"a.png": H, "b.png": ()}, "file_name,genres\na.png,Horror\nb.png\n")
add(
    "rows.notes-with-line-ends",
    EXPECTED,
    'file_name,notes,genres\na.png,"one\ntwo, ""three""",Horror\nb.png,"\n",Horror|Drama\n',
)
add("rows.quote-in-a-note", EXPECTED, 'file_name,notes,genres\na.png,6" disc,Horror\nb.png,"x" y,Horror|Drama\n')
add("rows.space-before-quote", {"a.png": HD}, 'file_name, genres\na.png, "Horror, Drama"\n')

# ---- where tables lie --------------------------------------------------------------------------------

add("place.folder", {"in/a.png": H, "b.png": ()}, "file_name,genres\na.png,Horror\nb.png,Drama\n", at="in/metadata.csv")
add("place.capitals", EXPECTED, PLAIN, at="Metadata.CSV")
add("place.hidden", {"a.png": ()}, "file_name,genres\na.png,Horror\n", at="__MACOSX/metadata.csv")


@case("table", "place.two", {"a.png": H, "in/b.png": ("drama",)})
def two(folder: Path) -> None:
    (folder / "in").mkdir()
    for each in ("a.png", "in/b.png"):
        (folder / each).write_bytes(PICTURE)
    (folder / "metadata.csv").write_text("file_name,genres\na.png,Horror\nin/b.png,War\n")
    (folder / "in/metadata.csv").write_text("File;Genre\r\nb;drama\r\n")


# ---- damaged -----------------------------------------------------------------------------------------

add("damaged.empty", LeftOut("metadata.csv has no column"), b"")
add("damaged.mark-only", LeftOut("metadata.csv has no column"), b"\xef\xbb\xbf")
add("damaged.spaces", LeftOut("metadata.csv has no column"), b" \n \n")
add("damaged.open-quote", LeftOut("quote in it is never closed"), 'file_name,genres\na.png,"Horror\nb.png,Drama\n')
add("damaged.half-utf-16", LeftOut("cannot be read as UTF-16"), PLAIN.encode("utf-16")[:-1])
add("damaged.long-cell", LeftOut("not a valid CSV table"), "file_name,genres\na.png," + "x" * 200_000)
add("damaged.page", LeftOut("no column that names pictures"), "<!doctype html>\n<title>404</title>\n")
add("damaged.json", LeftOut("no column that names pictures"), json.dumps([{"a": 1}]))
add("damaged.zip", ReadOrRefused(), b"PK\x03\x04" + bytes(range(256)))
add("damaged.zeros", ReadOrRefused(), bytes(1000))
add("damaged.nul-in-a-cell", ReadOrRefused(), "file_name,genres\na.png,Hor\0ror\n")
for seed in range(20):
    noise = bytes((seed * 89 + place * (seed + 7) * 31 + place * place) % 256 for place in range(400))
    add(f"damaged.noise-{seed}", ReadOrRefused(), noise)
    add(f"damaged.noise-behind-a-header-{seed}", ReadOrRefused(), b"file_name,genres\n" + noise)
many = "file_name,genres," + ",".join(f"c{number}" for number in range(5000)) + "\na.png,Horror\nb.png,Horror|Drama\n"
add("wide", EXPECTED, many)
