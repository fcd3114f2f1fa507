/* HTML -> text: what people write, what browsers forgive, and what is meant to hurt. Each row is a page and its text. */
#include "check.h"
#include "entities.h"
#include "html.h"
#include "utf8.h"

#include <time.h>

struct row {
    const char *html, *text;
};

static const struct row rows[] = {
    /* words and blanks */
    {"", ""},
    {"   \n\t ", ""},
    {"hello", "hello\n"},
    {" hello \n  world ", "hello world\n"},
    {"a&nbsp;b\xC2\xA0"
     "c",
     "a b c\n"},
    {"<p>one<p>two", "one\n\ntwo\n"},
    {"one<br>two<br/>three", "one\ntwo\nthree\n"},
    {"<div>a</div><div>b</div>", "a\nb\n"},
    {"<div><div><p>a</p></div></div><p></p><div>b</div>", "a\n\nb\n"},
    {"a<span>b</span> c", "ab c\n"},
    {"a<hr>b", "a\n\n---\n\nb\n"},
    {"a \x01\x1B[31m b\x7F", "a \xEF\xBF\xBD\xEF\xBF\xBD[31m b\xEF\xBF\xBD\n"},
    {"a&#27;b&#x0;c", "a\xEF\xBF\xBD"
                      "b\xEF\xBF\xBD"
                      "c\n"},

    /* references */
    {"&lt;b&gt; &amp;amp; &quot;&apos;", "<b> &amp; \"'\n"},
    {"&eacute;&Eacute &copy2024 &copy;", "\xC3\xA9\xC3\x89 \xC2\xA9"
                                         "2024 \xC2\xA9\n"},
    {"&#8364;&#x20AC;&#128;&#x80", "\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\n"},
    {"&#xD800; &#1114112; &#99999999999999999999;", "\xEF\xBF\xBD \xEF\xBF\xBD \xEF\xBF\xBD\n"},
    {"&hellip;&rarr;&CounterClockwiseContourIntegral;", "\xE2\x80\xA6\xE2\x86\x92\xE2\x88\xB3\n"},
    {"&notit; &nosuch; & && &# &#x &#; AT&T", "\xC2\xACit; &nosuch; & && &# &#x &#; AT&T\n"},
    {"&NotEqualTilde;", "\xE2\x89\x82\xCC\xB8\n"},

    /* what is not shown */
    {"a<script>b<p>c</script>d", "ad\n"},
    {"a<SCRIPT type=x>if (a</b) {}</SCRIPT >d", "ad\n"},
    {"a<script>b</scripty></script\n>d", "ad\n"},
    {"a<style>p { color: red }</style>b", "ab\n"},
    {"a<!-- b --><!-- -- > - --!>c<!-->d<!--->e", "acde\n"},
    {"a<!doctype html><?php x ?><![CDATA[ y ]]>b</ x>c", "abc\n"},
    {"a<template><p>b<template>c</template>d</template>e", "ae\n"},
    {"<div hidden>a<div>b</div>c</div>d", "d\n"},
    {"<div hidden='until-found'>a</div>", "a\n"},
    {"<span style=' color:red; Display : NONE '>a</span>b<span style='display:block'>c</span>",
     "bc\n"},
    {"a<svg><title>b</title><path d='x'/><svg>c</svg></svg>d", "ad\n"},
    {"a<svg>b<p>c", "a\n\nc\n"},
    {"a<iframe><p>b</iframe>c<noscript>d</noscript>", "acd\n"},

    /* blocks */
    {"<h1>A</h1><h6> B <i>c</i></h6>d", "# A\n\n###### B *c*\n\nd\n"},
    {"<h2></h2>a", "a\n"},
    {"<ul><li>a<li>b</ul>c", "- a\n- b\n\nc\n"},
    {"<ol><li>a</li><li>b</li></ol>", "1. a\n2. b\n"},
    {"<ol start=9><li>a<ul><li>b</ul><li>c</ol>", "9. a\n   - b\n10. c\n"},
    {"<ol start=-3><li>a</ol>", "1. a\n"},
    {"<ul><li>a<br>b</ul>", "- a\n  b\n"},
    {"<blockquote>a<p>b</blockquote>c", "> a\n\n> b\n\nc\n"},
    {"<blockquote><ul><li>a<li>b</ul></blockquote>", "> - a\n> - b\n"},
    {"<dl><dt>a<dd>b<dt>c<dd><p>d</dl>", "a\n: b\nc\n\n: d\n"},
    {"<pre>\n a\n\n\tb &lt;\r\nc</pre>d", "```\n a\n\n\tb <\nc\n```\n\nd\n"},
    {"<pre></pre>a", "a\n"},
    {"<pre><code class=c>x = <span>1</span></code></pre>", "```\nx = 1\n```\n"},
    {"<blockquote><pre>a\nb</pre></blockquote>", "> ```\n> a\n> b\n> ```\n"},
    {"<textarea>a <b>c</textarea>", "a <b>c\n"},

    /* marks */
    {"a <b>b </b>c", "a **b** c\n"},
    {"<b></b><i> </i>a", "a\n"},
    {"<b>a<i>b</b>c</i>", "**a*b***c\n"},
    {"<b><p>a</p>b</b>", "**a**\n\nb\n"},
    {"use <code>a &amp;&amp; b</code>", "use `a && b`\n"},
    {"<q>a</q>", "\"a\"\n"},

    /* links and images */
    {"<a href='/x'>a</a>", "[a](https://e.org/x)\n"},
    {"<a href=y>a</a> <a href='../z?q=1&amp;r=2#f'>b</a>",
     "[a](https://e.org/d/y) [b](https://e.org/z?q=1&r=2#f)\n"},
    {"<a href=//o.org>a</a><a href='?q'>b</a>", "[a](https://o.org)[b](https://e.org/d/p?q)\n"},
    {"<a href='#x'>a</a> <a>b</a> <a href>c</a>", "a b c\n"},
    {"<a href='javascript:alert(1)'>a</a> <a href='data:x,y'>b</a> <a href=' JAVA\nSCRIPT:x'>c</a>",
     "a b c\n"},
    {"<a href='mailto:a@b.org'>m</a>", "[m](mailto:a@b.org)\n"},
    {"<a href='/a b\"(c)&eacute;\\d'>x</a>", "[x](https://e.org/a%20b%22%28c%29%C3%A9/d)\n"},
    {"<a href='/x'><h3>T</h3><p>d</p></a>", "### [T](https://e.org/x)\n\nd\n"},
    {"<a href='/x'></a><a href='/y'>b<a href='/z'>c</a>",
     "[b](https://e.org/y)[c](https://e.org/z)\n"},
    {"<a href=/x>a<br>b</a>", "[a b](https://e.org/x)\n"},
    {"<base href='/b/'><base href='/c/'><a href=x>a</a>", "[a](https://e.org/b/x)\n"},
    {"<a href=\"/x\"title=y>a</a>", "[a](https://e.org/x)\n"},
    {"<a HREF = /x >a</a>", "[a](https://e.org/x)\n"},
    {"<img src=i.png alt='a  b'>", "![a b](https://e.org/d/i.png)\n"},
    {"<img src=i.png>", "![](https://e.org/d/i.png)\n"},
    {"<img src=i.png alt=''>x<img src=t.gif width=1>", "x\n"},
    {"<img src='data:image/png;base64,AAAA' alt=a>", "a\n"},
    {"<a href=/x><img src=i.png alt=a></a>", "[![a](https://e.org/d/i.png)](https://e.org/x)\n"},

    /* tables */
    {"<table><tr><th>A<th>B<tr><td>1<td>2</table>", "| A | B |\n| --- | --- |\n| 1 | 2 |\n"},
    {"<table><tr><td>1<td><td><p>3</p><td></tr></table>x", "| 1 |  | 3 |  |\n\nx\n"},
    {"<table><tr><td><td>2</table>", "|  | 2 |\n"},
    {"<table><tr><td></td></tr></table>", ""},
    {"<table><tr><td><table><tr><td>a<td>b</table></table>", "a b\n"},
    {"<td>a</td><tr>b</table>c", "a\nb\n\nc\n"},

    /* broken */
    {"a < b", "a < b\n"},
    {"<", "<\n"},
    {"</", "</\n"},
    {"<a", ""},
    {"x<a href='y", "x\n"},
    {"x<!-- y", "x\n"},
    {"x<script>y", "x\n"},
    {"x</p></ul></table></a></b></pre></blockquote></li>y", "x\n\ny\n"},
    {"<b/x>a", "**a**\n"},
    {"<p =x y==z '\"<>a", "a\n"},
};

static void convert(const char *html, size_t max, struct html_page *ret)
{
    struct str text = tight(html);

    html_to_text(text, STR("https://e.org/d/p"), max, ret);
    tight_free(text);
}

static void test_rows(void)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct html_page page;

        convert(rows[i].html, 1 << 16, &page);
        CHECK(same(buf_str(&page.text), rows[i].text), "row %zu: %s\ngave\n%s<\nwanted\n%s<", i,
              rows[i].html, buf_str(&page.text).at, rows[i].text);
        CHECK(!page.is_cut, "row %zu", i);
        html_page_done(&page);
    }
}

static void test_title(void)
{
    static const struct row titles[] = {
        {"<title> A &amp;\n <b>B </title>x", "A & <b>B"},
        {"<svg><title>no</title></svg><title>yes</title><title>late</title>", "yes"},
        {"<title></title>", ""},
        {"<title>never closed", "never closed"},
    };

    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
        struct html_page page;

        convert(titles[i].html, 1000, &page);
        CHECK(same(buf_str(&page.title), titles[i].text), "%s: %s", titles[i].html,
              buf_str(&page.title).at);
        html_page_done(&page);
    }
}

static void test_a_page_is_cut_at_its_maximum(void)
{
    struct html_page page;

    convert("<p>0123456789<p>0123456789", 16, &page);
    CHECK(page.is_cut && page.text.len <= 16, "%zu", page.text.len);
    html_page_done(&page);
    convert("<p>\xC3\xA9\xC3\xA9\xC3\xA9", 3, &page);
    CHECK(page.is_cut && utf8_check(buf_str(&page.text)) == page.text.len, "no half characters");
    html_page_done(&page);
    convert("<p>abc", 4, &page);
    CHECK(!page.is_cut && same(buf_str(&page.text), "abc\n"), "%s", buf_str(&page.text).at);
    html_page_done(&page);
}

static void test_every_name_is_found(void)
{
    size_t count = 0;
    const char *before = "";

    for (size_t i = 0; entities_table[i] != NULL; i++) {
        for (const char *at = entities_table[i]; *at != '\0'; count++) {
            char text[64] = "&";
            char name[40] = "";
            size_t len = strcspn(at, "\1");
            const char *value = at + len + 1;
            struct buf got;

            CHECK(len < 32, "%s", at);
            memcpy(name, at, len);
            CHECK(strcmp(before, name) < 0, "%s is sorted behind %s", name, before);
            before = at[len] == '\1' ? "" : at;
            memcpy(text + 1, name, len);
            text[len + 1] = ';';
            buf_init(&got, 16);
            CHECK(entities_add(&got, str_of(text), true) == len + 2, "%s", text);
            CHECK(same(buf_str(&got), value), "%s", text);
            buf_done(&got);
            at = value + strlen(value) + 1;
        }
    }
    CHECK(count == ENTITIES_COUNT, "%zu names", count);
}

static void test_references_in_attributes(void)
{
    static const struct row in_attribute[] = {
        {"?a=1&copy=2", "?a=1&copy=2"},
        {"?a&copy;", "?a\xC2\xA9"},
        {"?a&copy", "?a\xC2\xA9"},
        {"&ampx&amp;", "&ampx&"},
    };

    for (size_t i = 0; i < sizeof(in_attribute) / sizeof(in_attribute[0]); i++) {
        struct buf got;

        buf_init(&got, 100);
        CHECK(entities_add_all(&got, str_of(in_attribute[i].html), true), "room");
        CHECK(same(buf_str(&got), in_attribute[i].text), "%s: %s", in_attribute[i].html, got.at);
        buf_done(&got);
    }
}

/* Pages of one thing, over and over: each must cost time in proportion. A machine under load needs patience; what this
 * finds is the square of the size, minutes for these. */
static void test_hostile_pages_cost_no_more_than_others(void)
{
    static const char *const parts[] = {
        "<",
        "</",
        "<a",
        "<a href='",
        "<a href=\"x\">",
        "<!--",
        "<!-- -",
        "<!doctype",
        "<![CDATA[",
        "&",
        "&#",
        "&l",
        "&aaaaaaa",
        "<p>",
        "<ul>",
        "<ul><li>",
        "<ol><li>a",
        "<blockquote>a",
        "<table><tr><td>",
        "<td>a",
        "<tr>",
        "<b>",
        "<b><a href=/x>",
        "</b>",
        "<pre>",
        "<pre>\n",
        "<svg>",
        "<template>",
        "<div hidden>",
        "<script>",
        "</script ",
        "<script></scrip",
        "<title>",
        "<x a a a a a a a a a a a a>",
        "<i =>",
        "<x\"'>",
        "\xC2",
        "\n",
        "<br>",
        "<hr>",
        "<a href=",
        "<img src=x alt=y>",
        "</li>",
        "</ul>",
        "<textarea>",
        "<svg/>",
        "<!-->",
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct buf html;
        struct html_page page;

        buf_init(&html, 4 << 20);
        while (html.len < 1 << 19)
            buf_add(&html, str_of(parts[i]));
        html_to_text(buf_str(&html), STR("https://e.org/"), 1 << 20, &page);
        CHECK(page.text.len <= 1 << 20, "%s", parts[i]);
        html_page_done(&page);
        buf_done(&html);
    }
}

int main(void)
{
    test_rows();
    test_title();
    test_a_page_is_cut_at_its_maximum();
    test_every_name_is_found();
    test_references_in_attributes();
    test_hostile_pages_cost_no_more_than_others();
    return check_failed != 0;
}
