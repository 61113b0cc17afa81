// An answer to an application that came to the browser as a form: nobody needs to press its button.
/** @type {HTMLFormElement | null} */
const form = document.querySelector("form[data-send-at-once]");
form?.submit();
