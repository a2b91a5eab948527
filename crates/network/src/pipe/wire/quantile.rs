//! Distributions as tables of integers, so that every machine draws the same.
//!
//! A table gives the value that is exceeded with a given probability. Probabilities are whole
//! numbers of 2^-32, and the table has sixteen entries for each halving of them: so it is as fine in
//! the tails as in the middle, and straight lines between entries are off by less than 0.0003 of the
//! value. The tables are computed by the compiler, with the four basic operations alone.

/// Binary digits of probabilities.
pub(super) const BITS: u32 = 32;

/// The probability one.
pub(super) const ONE: u64 = 1 << BITS;

/// Binary digits of values behind the point.
pub(super) const FRACTION: u32 = 24;

/// Entries for each halving, as a power of two.
const CELLS_LOG: u32 = 4;

/// As many entries as there are halvings, one for probability one, and one behind that.
const LENGTH: usize = (BITS as usize) * (1 << CELLS_LOG) + 2;

/// The values that are exceeded with given probabilities.
#[derive(Debug)]
pub(super) struct Quantiles([i64; LENGTH]);

/// How far a standard normal variable is from zero, on either side.
pub(super) static NORMAL: Quantiles = normal();

/// A Pareto variable of shape 3, less its mean and divided by its standard deviation.
pub(super) static PARETO: Quantiles = pareto();

impl Quantiles {
    /// Returns the value that is exceeded with the probability `tail`, from 1 to [`ONE`].
    pub(super) fn at(&self, tail: u64) -> i64 {
        let tail = tail.clamp(1, ONE);
        let octave = tail.ilog2();
        // The digits behind the first one.
        let digits = (tail << (BITS - octave)) - ONE;
        let cell = (octave << CELLS_LOG) as usize + (digits >> (BITS - CELLS_LOG)) as usize;
        let [from, to] = [self.0[cell], self.0[cell + 1]];
        let rest = (digits & ((ONE - 1) >> CELLS_LOG)) as i64;
        from + (((to - from) * rest) >> (BITS - CELLS_LOG))
    }

    /// Returns the probability, from 1 to [`ONE`], with which a value is exceeded.
    pub(super) fn tail(&self, value: i64) -> u64 {
        // The larger the probability the smaller the value.
        let next = self.0[..LENGTH - 1].partition_point(|entry| *entry > value);
        if next == 0 {
            return 1;
        }
        let Some(&to) = self.0[..LENGTH - 1].get(next) else { return ONE };
        let from = self.0[next - 1];
        let [low, high] = [next - 1, next].map(probability);
        let rest = ((from - value) as u128 * u128::from(high - low) / (from - to) as u128) as u64;
        (low + rest).clamp(1, ONE)
    }
}

/// The probability that an entry stands for.
const fn probability(entry: usize) -> u64 {
    let (octave, cell) = (entry as u32 >> CELLS_LOG, entry as u64 & ((1 << CELLS_LOG) - 1));
    ((1 << CELLS_LOG | cell) << octave) >> CELLS_LOG
}

/// The same as a number, where the small ones are not whole.
const fn share(entry: usize) -> f64 {
    let (octave, cell) = (entry >> CELLS_LOG, entry & ((1 << CELLS_LOG) - 1));
    let mut share = 1.0 + cell as f64 / (1 << CELLS_LOG) as f64;
    let mut n = octave;
    while n < BITS as usize {
        share /= 2.0;
        n += 1;
    }
    share
}

const fn fixed(value: f64) -> i64 {
    (value * (1_u64 << FRACTION) as f64) as i64
}

/// The value exceeded with probability `t` is `t^(-1/3)`, its mean 3/2 and its variance 3/4.
const fn pareto() -> Quantiles {
    let mut values = [0; LENGTH];
    let mut entry = LENGTH - 1;
    let mut root = 1.0;
    while entry > 0 {
        entry -= 1;
        let inverse = 1.0 / share(entry);
        // Newton's method for the cube root, from that of the entry before.
        let mut n = 0;
        while n < 6 {
            root = (2.0 * root + inverse / (root * root)) / 3.0;
            n += 1;
        }
        values[entry] = fixed((root - 1.5) * 1.154_700_538_379_251_5);
    }
    values[LENGTH - 1] = values[LENGTH - 2];
    Quantiles(values)
}

/// Solves `2 (1 - Phi(z)) = t` by Newton's method, from the solution for the entry before.
const fn normal() -> Quantiles {
    let mut values = [0; LENGTH];
    let mut entry = LENGTH - 1;
    let mut z = 0.0;
    while entry > 0 {
        entry -= 1;
        let t = share(entry);
        let mut n = 0;
        while n < 4 {
            let density = density(z);
            z += (1.0 - 2.0 * density * half_area_by_density(z) - t) / (2.0 * density);
            n += 1;
        }
        values[entry] = fixed(z);
    }
    values[LENGTH - 1] = values[LENGTH - 2];
    Quantiles(values)
}

/// `exp(-z^2 / 2) / sqrt(2 pi)`.
const fn density(z: f64) -> f64 {
    // The series of exp converges fast once its argument is below one.
    let y = z * z / 64.0;
    let (mut term, mut sum, mut n) = (1.0, 1.0, 1.0);
    while n < 16.0 {
        term *= y / n;
        sum += term;
        n += 1.0;
    }
    let mut power = sum;
    let mut halvings = 0;
    while halvings < 5 {
        power *= power;
        halvings += 1;
    }
    0.398_942_280_401_432_7 / power
}

/// `(Phi(z) - 1/2) / density(z)`, by the series `z + z^3/3 + z^5/(3*5) + ..`.
const fn half_area_by_density(z: f64) -> f64 {
    let (mut term, mut sum, mut odd) = (z, z, 1.0);
    while term > sum * 1e-17 {
        odd += 2.0;
        term *= z * z / odd;
        sum += term;
    }
    sum
}
