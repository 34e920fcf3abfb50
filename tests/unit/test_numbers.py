from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from liftgate.report import numbers


def test_percent_has_one_decimal_and_rounds_halves_up() -> None:
    assert [numbers.percent(x) for x in (0.8125, 0.0, 1.0, 0.2885)] == ["81.3%", "0.0%", "100.0%", "28.9%"]


def test_percent_never_says_all_or_none_of_something_that_is_not() -> None:
    assert numbers.percent(0.9999) == ">99.9%"
    assert numbers.percent(0.0001) == "<0.1%"
    assert numbers.percent(None) == "–"


def test_points_carry_a_sign_a_true_minus_and_none_on_zero() -> None:
    shown = [numbers.points(x) for x in (0.0625, -0.0625, 0.0, -0.0, -0.0004, 0.0004)]
    assert shown == ["+6.3", "−6.3", "0.0", "0.0", "0.0", "0.0"]


@given(st.floats(-1, 1))
def test_points_mirror_when_base_and_candidate_are_swapped(change: float) -> None:
    mirrored = numbers.points(-change).translate(str.maketrans("+−", "−+"))
    assert numbers.points(change) == mirrored


def test_a_change_names_its_interval_when_there_is_one() -> None:
    assert numbers.change(0.0625, 0.021, 0.104) == "+6.3 points (+2.1 to +10.4)"
    assert numbers.change(-0.0125) == "−1.3 points"
    assert numbers.change(None) == "–"


def test_ticks_are_whole_points() -> None:
    assert [numbers.tick(x) for x in (-0.6, 0.0, 0.2)] == ["−60", "0", "+20"]


def test_a_distance_leaves_the_direction_to_the_sentence() -> None:
    assert numbers.distance(-0.125) == "12.5"


def test_p_values_keep_three_decimals_where_they_matter() -> None:
    shown = [numbers.p_value(p) for p in (0.0004, 0.0131, 0.42, 1.0, None)]
    assert shown == ["p < 0.001", "p = 0.013", "p = 0.42", "p = 1.00", ""]


def test_money_is_rounded_up_to_the_cent() -> None:
    shown = [numbers.usd(x) for x in ("4.321", "4.32", Decimal("0"), "0.0001", "12345.6", 0.1 + 0.2, None)]
    assert shown == ["4.33 USD", "4.32 USD", "0.00 USD", "0.01 USD", "12,345.60 USD", "0.30 USD", "–"]


@given(st.decimals(0, 10**12, allow_nan=False, places=7))
def test_money_shown_is_never_less_than_money_owed(amount: Decimal) -> None:
    shown = Decimal(numbers.usd(amount).removesuffix(" USD").replace(",", ""))
    assert amount <= shown < amount + Decimal("0.01")


def test_a_price_below_a_dollar_keeps_two_digits_so_that_cheap_arms_can_be_told_apart() -> None:
    shown = [numbers.usd_rate(x) for x in ("0.0021", "0.00431", "0.4207", "0.996", "3.141", "0", None)]
    assert shown == ["0.0021 USD", "0.0044 USD", "0.43 USD", "1.00 USD", "3.15 USD", "0.00 USD", "–"]


def test_durations_use_the_unit_a_person_would() -> None:
    shown = [numbers.seconds(x) for x in (0.42, 9.96, 42, 59.7, 60, 201, 3600, 3840, None)]
    assert shown == ["0.4 s", "10.0 s", "42 s", "1 min", "1 min", "3 min 21 s", "1 h", "1 h 4 min", "–"]
    shown = [numbers.milliseconds(x) for x in (3.14, 812.4, 999.6, 1240.0, None)]
    assert shown == ["3.1 ms", "812 ms", "1.00 s", "1.24 s", "–"]


def test_counts_have_thousands_and_tokens_get_short() -> None:
    assert [numbers.count(x) for x in (0, 12345, None)] == ["0", "12,345", "–"]
    shown = [numbers.tokens(x) for x in (9876, 123456, 999_960, 12_345_678, None)]
    assert shown == ["9,876", "123.5k", "1.00M", "12.35M", "–"]
    assert [
        numbers.plural(1, "case"),
        numbers.plural(240, "case"),
        numbers.plural(2, "entry", "entries"),
    ] == [
        "1 case",
        "240 cases",
        "2 entries",
    ]


def test_epochs_end_a_sentence() -> None:
    assert [numbers.epochs(x) for x in (4, 1, 0.5, None)] == [
        " in 4 epochs",
        " in 1 epoch",
        " in 0.5 epochs",
        "",
    ]


def test_ratios_losses_and_positions() -> None:
    assert numbers.ratio(1.0849, 0.99, 1.184) == "1.08× (0.99 to 1.18)"
    assert numbers.ratio(1.0) == "1.00×"
    assert numbers.ratio(None) == "–"
    assert [numbers.loss(1.23456), numbers.loss(None)] == ["1.235", "–"]
    assert [numbers.position(x) for x in (12.0, -3.456, 100.0, 0.0)] == ["12", "-3.46", "100", "0"]
