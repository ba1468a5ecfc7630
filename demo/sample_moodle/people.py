"""Invented people. Every address ends in .invalid, so no mail can ever reach anybody."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from anyascii import anyascii

_FIRST_NAMES = """
Adaeze Ahmet Aiko Alejandro Amara Amélie Anouk Anselm Astrid Ayşe Bartosz Beatriz Benedikt Björn
Bohdan Camille Chiara Chinonso Ciarán Clémence Dalia Daniyar Deepika Dimitri Dorothea Ebru Eleni
Eliška Emre Enrique Esra Farid Fatou Finnian Florian Frida Giorgos Gráinne Gunnar Hadiza Hana
Henrike Hiroshi Ifeoma Ignacio Ilse Inés Isidora Jakob Jasper Joana Jürgen Kaito Karima
Katarzyna Kofi Laszlo Leocadia Levent Lieselotte Linh Lovisa Lucía Maarten Magdalena Małgorzata
Marek Mehdi Milena Mirjam Nadia Naoki Niamh Nikolaj Nilüfer Noor Oisín Olena Ondřej Oskar Paloma
Parisa Pekka Petra Priya Quirin Rafael Ragnhild Roya Ruslan Sabine Santiago Sanne Saoirse Seçil
Siobhán Søren Sunniva Tadeusz Tamar Teodora Thandiwe Tiago Ulrike Valentín Viktorija Wiebke
Xenia Yannick Yaw Yuki Zeynep Zsófia
"""

_LAST_NAMES = """
Aaltonen Abara Achterberg Adeyemi Albrecht Almeida Andersen Arslan Baumgart Beaulieu Bergström
Bianchi Błaszczyk Borges Brennan Çelik Chaudhari Christodoulou Cieślak Costa Dąbrowski Delacroix
Demir Dijkstra Dlamini Dvořák Eichhorn Eriksen Escalante Fagundes Farkas Ferreira Fitzgerald
Fontaine Gallagher Georgiou Gjerde Gołębiewski Grünwald Gupta Haapala Habibi Hansen Haraldsson
Herrmann Hoàng Horvat Ibarra Ilić Ito Jankowski Johansson Kaplan Karlsson Kessler Kim Kiplagat
Kovačević Kowalczyk Krüger Kumar Lefèvre Lindqvist Łukasik Mbeki Medeiros Meier Mensah Moreau
Müller Nakagawa Ndiaye Németh Nguyễn Novák Nwosu O'Connor O'Sullivan Okafor Olsen Ortega Östberg
Özdemir Papadakis Pereira Petrov Quintero Rademacher Rahimi Rasmussen Rossi Sánchez Schäfer
Schröder Silva Şahin Sokolov Sørensen Steinmetz Suzuki Szabó Tanaka Thorvaldsen Tkachenko Umarov
Urbanek Vandenberg Varga Vermeulen Vogel Wachter Weiß Wójcik Yamamoto Yıldız Zając Zimmermann
Žukauskas
"""

FIRST, LAST = _FIRST_NAMES.split(), _LAST_NAMES.split()

OTHER_SCRIPTS = (
    ("小明", "王"),
    ("美咲", "高橋"),
    ("ليلى", "الحداد"),
    ("Олексій", "Бондаренко"),
    ("Ελένη", "Νικολάου"),
    ("नेहा", "वर्मा"),
)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A person to be added: names as Moodle shows them, a user name in Moodle's alphabet."""

    first: str
    last: str
    username: str

    @property
    def email(self) -> str:
        return f"{self.username}@campus.invalid"


def newcomers(rng: random.Random) -> Iterator[Newcomer]:
    """An endless iterator of people with unique usernames; names in other scripts come first."""
    taken: set[str] = set()
    for first, last in OTHER_SCRIPTS:
        yield _newcomer(first, last, taken)
    while True:
        yield _newcomer(rng.choice(FIRST), rng.choice(LAST), taken)


def _newcomer(first: str, last: str, taken: set[str]) -> Newcomer:
    base = username = f"{_letters(first)}.{_letters(last)}"
    number = 1
    while username in taken:
        number += 1
        username = f"{base}{number}"
    taken.add(username)
    return Newcomer(first, last, username)


def _letters(name: str) -> str:
    return "".join(letter for letter in anyascii(name).lower() if letter.isalnum())
