import { render } from 'solid-js/web';
import { App } from './app.tsx';
import { Page } from './page/page.ts';

const page = new Page();
// The connection is being made while the page is being drawn.
page.start();
render(() => <App page={page} />, document.body);
