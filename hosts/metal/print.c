/* SPDX-License-Identifier: GPL-2.0-only */
#include "print.h"
#include "console.h"

typedef int64_t i64;

/* Where text goes: into a buffer, or if there is none to the console. */
struct sink {
	char *buffer;
	size_t size;
	size_t length;
};

struct conversion {
	bool left, zero, plus, space, prefix;
	int width;
	int precision; /* -1: none */
	int length;    /* bytes of the argument */
};

static void byte_put(struct sink *sink, char byte)
{
	if (!sink->buffer)
		console_write(&byte, 1);
	else if (sink->length + 1 < sink->size)
		sink->buffer[sink->length] = byte;
	sink->length++;
}

static void bytes_put(struct sink *sink, const char *bytes, int count)
{
	for (int i = 0; i < count; i++)
		byte_put(sink, bytes[i]);
}

static void fill_put(struct sink *sink, char byte, int count)
{
	for (; count > 0; count--)
		byte_put(sink, byte);
}

static void text_put(struct sink *sink, const struct conversion *c, const char *text)
{
	int length = 0;

	if (!text)
		text = "(null)";
	while ((c->precision < 0 || length < c->precision) && text[length])
		length++;
	if (!c->left)
		fill_put(sink, ' ', c->width - length);
	bytes_put(sink, text, length);
	if (c->left)
		fill_put(sink, ' ', c->width - length);
}

/* Digits from the last to the first, ending before `end`. */
static char *digits_make(char *end, u64 value, unsigned int base, const char *digits)
{
	for (; value; value /= base)
		*--end = digits[value % base];
	return end;
}

static void number_put(struct sink *sink, const struct conversion *c, u64 value, unsigned int base,
		       bool upper, const char *prefix)
{
	char digits[24];
	char *end = digits + sizeof(digits);
	char *start =
		digits_make(end, value, base, upper ? "0123456789ABCDEF" : "0123456789abcdef");
	int length = (int)(end - start);
	int least = c->precision < 0 ? 1 : c->precision;
	int zeroes = length < least ? least - length : 0;
	int prefix_length = prefix[0] ? (prefix[1] ? 2 : 1) : 0;
	int spaces = c->width - length - zeroes - prefix_length;

	if (c->zero && !c->left && c->precision < 0 && spaces > 0) {
		zeroes += spaces;
		spaces = 0;
	}
	if (!c->left)
		fill_put(sink, ' ', spaces);
	bytes_put(sink, prefix, prefix_length);
	fill_put(sink, '0', zeroes);
	bytes_put(sink, start, length);
	if (c->left)
		fill_put(sink, ' ', spaces);
}

static void signed_put(struct sink *sink, const struct conversion *c, i64 value)
{
	const char *sign = value < 0 ? "-" : c->plus ? "+" : c->space ? " " : "";

	number_put(sink, c, value < 0 ? -(u64)value : (u64)value, 10, false, sign);
}

static const char *flags_read(const char *format, struct conversion *c)
{
	for (;; format++) {
		switch (*format) {
		case '-':
			c->left = true;
			break;
		case '0':
			c->zero = true;
			break;
		case '+':
			c->plus = true;
			break;
		case ' ':
			c->space = true;
			break;
		case '#':
			c->prefix = true;
			break;
		default:
			return format;
		}
	}
}

/* A va_list is an array here, which a function can't hand on by address; a struct can. */
struct arguments {
	va_list list;
};

static const char *amount_read(const char *format, struct arguments *arguments, int *amount)
{
	if (*format == '*') {
		*amount = va_arg(arguments->list, int);
		return format + 1;
	}
	*amount = 0;
	for (; *format >= '0' && *format <= '9'; format++)
		*amount = *amount * 10 + (*format - '0');
	return format;
}

static const char *length_read(const char *format, int *length)
{
	*length = sizeof(int);
	switch (*format) {
	case 'h':
		*length = format[1] == 'h' ? 1 : 2;
		return format + *length % 2 + 1;
	case 'l':
		*length = 8;
		return format + (format[1] == 'l' ? 2 : 1);
	case 'j':
	case 'z':
	case 't':
		*length = 8;
		return format + 1;
	}
	return format;
}

static i64 signed_take(struct arguments *arguments, int length)
{
	i64 value = length == 8 ? va_arg(arguments->list, i64) : va_arg(arguments->list, int);

	return length == 1 ? (signed char)value : length == 2 ? (short)value : value;
}

static u64 unsigned_take(struct arguments *arguments, int length)
{
	u64 value =
		length == 8 ? va_arg(arguments->list, u64) : va_arg(arguments->list, unsigned int);

	return length == 1 ? (u8)value : length == 2 ? (u16)value : value;
}

static void hex_put(struct sink *sink, const struct conversion *c, u64 value, bool upper)
{
	number_put(sink, c, value, 16, upper, !c->prefix || !value ? "" : upper ? "0X" : "0x");
}

/* False: this is no conversion that is known here. */
static bool conversion_put(struct sink *sink, struct conversion *c, char kind,
			   struct arguments *arguments)
{
	char byte;

	switch (kind) {
	case 'd':
	case 'i':
		signed_put(sink, c, signed_take(arguments, c->length));
		return true;
	case 'u':
		number_put(sink, c, unsigned_take(arguments, c->length), 10, false, "");
		return true;
	case 'o':
		number_put(sink, c, unsigned_take(arguments, c->length), 8, false,
			   c->prefix ? "0" : "");
		return true;
	case 'x':
	case 'X':
		hex_put(sink, c, unsigned_take(arguments, c->length), kind == 'X');
		return true;
	case 'p':
		number_put(sink, c, (u64)va_arg(arguments->list, void *), 16, false, "0x");
		return true;
	case 'c':
		byte = (char)va_arg(arguments->list, int);
		c->precision = 1;
		text_put(sink, c, (const char[]){ byte, 0 });
		return true;
	case 's':
		text_put(sink, c, va_arg(arguments->list, const char *));
		return true;
	case '%':
		byte_put(sink, '%');
		return true;
	}
	return false;
}

static const char *specification_put(struct sink *sink, const char *start,
				     struct arguments *arguments)
{
	struct conversion c = { .precision = -1 };
	const char *at = flags_read(start + 1, &c);

	at = amount_read(at, arguments, &c.width);
	if (c.width < 0) {
		c.left = true;
		c.width = -c.width;
	}
	if (*at == '.')
		at = amount_read(at + 1, arguments, &c.precision);
	at = length_read(at, &c.length);
	if (*at && conversion_put(sink, &c, *at, arguments))
		return at + 1;
	byte_put(sink, '%');
	return start + 1;
}

static int format_put(struct sink *sink, const char *format, va_list list)
{
	struct arguments arguments;

	va_copy(arguments.list, list);
	while (*format) {
		if (*format == '%')
			format = specification_put(sink, format, &arguments);
		else
			byte_put(sink, *format++);
	}
	va_end(arguments.list);
	return (int)sink->length;
}

int vprintf(const char *format, va_list list)
{
	struct sink sink = { 0 };

	return format_put(&sink, format, list);
}

int printf(const char *format, ...)
{
	va_list list;
	int length;

	va_start(list, format);
	length = vprintf(format, list);
	va_end(list);
	return length;
}

int vsnprintf(char *buffer, size_t size, const char *format, va_list list)
{
	char none;
	struct sink sink = { .buffer = size ? buffer : &none, .size = size };
	int length = format_put(&sink, format, list);

	if (size)
		buffer[sink.length < size ? sink.length : size - 1] = 0;
	return length;
}

int snprintf(char *buffer, size_t size, const char *format, ...)
{
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(buffer, size, format, list);
	va_end(list);
	return length;
}

int puts(const char *line)
{
	return printf("%s\n", line);
}

int putchar(int byte)
{
	struct sink sink = { 0 };

	byte_put(&sink, (char)byte);
	return (u8)byte;
}
