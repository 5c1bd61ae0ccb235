//! The pieces of JSON text in the format of Python's `json.dumps`: ASCII only, floats as `repr`.

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Whether a byte stands for itself inside a string literal.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7F {
        plain[byte] = byte != b'"' as usize && byte != b'\\' as usize;
        byte += 1;
    }
    plain
};

/// Appends a quoted string, everything but printable ASCII escaped.
pub(crate) fn string(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(odd) = rest.bytes().position(|byte| !PLAIN[byte as usize]) {
        out.push_str(&rest[..odd]);
        let c = rest[odd..].chars().next().expect("a character begins where a plain one ended");
        match short_escape(c as u32) {
            Some(short) => out.extend(['\\', short]),
            None => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| unicode_escape(*unit, out)),
        }
        rest = &rest[odd + c.len_utf8()..];
    }
    out.push_str(rest);
    out.push('"');
}

/// Appends a quoted string given as UTF-16, which may hold lone surrogates.
#[cfg_attr(not(feature = "python"), allow(dead_code, reason = "Rust strings hold no lone surrogates"))]
pub(crate) fn string_utf16(units: impl Iterator<Item = u16>, out: &mut String) {
    out.push('"');
    for unit in units {
        match (u8::try_from(unit).ok(), short_escape(u32::from(unit))) {
            (_, Some(short)) => out.extend(['\\', short]),
            (Some(byte), None) if PLAIN[byte as usize] => out.push(byte as char),
            _ => unicode_escape(unit, out),
        }
    }
    out.push('"');
}

/// The letter behind the backslash for the characters that have one.
pub(crate) fn short_escape(c: u32) -> Option<char> {
    Some(match c {
        0x22 => '"',
        0x5C => '\\',
        0x0A => 'n',
        0x0D => 'r',
        0x09 => 't',
        0x0C => 'f',
        0x08 => 'b',
        _ => return None,
    })
}

/// Appends `\uXXXX` for one UTF-16 unit (also of a lone surrogate).
pub(crate) fn unicode_escape(unit: u16, out: &mut String) {
    out.push_str("\\u");
    for shift in [12, 8, 4, 0] {
        out.push(HEX[(unit >> shift) as usize & 15] as char);
    }
}

/// Appends a float as Python's `repr` shows it; `NaN`, `Infinity` and `-Infinity` bare.
pub(crate) fn float(number: f64, out: &mut String) {
    if number.is_nan() {
        return out.push_str("NaN");
    }
    if number.is_sign_negative() {
        out.push('-');
    }
    if number.is_infinite() {
        return out.push_str("Infinity");
    }
    let mut buffer = zmij::Buffer::new();
    let (digits, point) = decimal(buffer.format_finite(number.abs()));
    if !(-3..=16).contains(&point) {
        out.push_str(&digits[..1]);
        if digits.len() > 1 {
            out.push('.');
            out.push_str(&digits[1..]);
        }
        let exponent = point - 1;
        out.push_str(if exponent < 0 { "e-" } else { "e+" });
        if exponent.abs() < 10 {
            out.push('0');
        }
        out.push_str(itoa::Buffer::new().format(exponent.abs()));
    } else if point <= 0 {
        out.push_str("0.");
        out.extend(std::iter::repeat_n('0', point.unsigned_abs() as usize));
        out.push_str(&digits);
    } else {
        let point = point as usize;
        out.push_str(&digits[..point.min(digits.len())]);
        out.extend(std::iter::repeat_n('0', point.saturating_sub(digits.len())));
        out.push('.');
        out.push_str(
            digits
                .get(point..)
                .filter(|rest| !rest.is_empty())
                .unwrap_or("0"),
        );
    }
}

/// Significant digits of a shortest float text, and where its decimal point stands among them.
fn decimal(shortest: &str) -> (String, i32) {
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((shortest, "0"));
    let exponent: i32 = exponent.parse().expect("zmij writes a decimal exponent");
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    let leading = digits.len() - significant.len();
    let significant = significant.trim_end_matches('0');
    if significant.is_empty() {
        return ("0".into(), 1);
    }
    (
        significant.into(),
        whole.len() as i32 + exponent - leading as i32,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn floats_look_like_python_repr() {
        for (number, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (1.5, "1.5"),
            (1e16, "1e+16"),
            (1e15, "1000000000000000.0"),
            (123456789012345680.0, "1.2345678901234568e+17"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (5e-324, "5e-324"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (9999999999999998.0, "9999999999999998.0"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
            (100.0, "100.0"),
            (0.1, "0.1"),
        ] {
            assert_eq!(made(|out| float(number, out)), expected);
        }
    }

    #[test]
    fn strings_are_ascii() {
        assert_eq!(
            made(|out| string("a\"\\\n\u{7f}é😀", out)),
            r#""a\"\\\n\u007f\u00e9\ud83d\ude00""#
        );
    }
}
